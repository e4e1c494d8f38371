package dev.ferry.cli.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The machine's python3, if it has a PyTorch that sees a GPU.
 *
 * @param version of PyTorch
 */
record TorchPython(Path path, String version) {
    private static final String QUESTION = "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())";

    /** What was found; without a Python, why. */
    record Search(Optional<TorchPython> found, String why) {}

    static Search search() throws IOException, InterruptedException {
        Optional<Path> python = List.of(System.getenv().getOrDefault("PATH", "").split(":", -1)).stream().filter(folder -> !folder.isEmpty()).map(folder -> Path.of(folder, "python3")).filter(Files::isExecutable).findFirst();
        if (python.isEmpty()) {
            return new Search(Optional.empty(), "there is no python3 on the PATH");
        }
        // Not resolved: a virtual environment is known by the name of the link.
        Path path = python.get().toAbsolutePath();
        Process process = new ProcessBuilder(path.toString(), "-c", QUESTION).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        String last = said.lines().reduce("", (before, line) -> line);
        if (process.waitFor() != 0) {
            return new Search(Optional.empty(), path + ": " + last);
        }
        String[] words = last.split(" ");
        return words.length == 3 && words[2].equals("True")
                ? new Search(Optional.of(new TorchPython(path, words[0])), "")
                : new Search(Optional.empty(), path + " has PyTorch " + String.join(", CUDA ", List.of(words).subList(0, Math.min(2, words.length))) + ", which sees no GPU");
    }
}
