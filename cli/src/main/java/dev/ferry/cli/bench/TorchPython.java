package dev.ferry.cli.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The machine's python3, if it has a PyTorch that sees a GPU, or any for trainings on processors.
 *
 * @param version of PyTorch
 */
record TorchPython(Path path, String version) {
    private static final String QUESTION = "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())";

    /** What was found; without a Python, why. */
    record Search(Optional<TorchPython> found, String why) {}

    /** The machine's own Python, which sandboxes have too, if it has any PyTorch: for trainings on processors. */
    static Search onProcessors() throws IOException, InterruptedException {
        Path path = Path.of("/usr/bin/python3");
        if (!Files.isExecutable(path)) {
            return new Search(Optional.empty(), "there is no " + path);
        }
        Answer answer = ask(path);
        return answer.words().length == 3
                ? new Search(Optional.of(new TorchPython(path, answer.words()[0])), "")
                : new Search(Optional.empty(), path + ": " + answer.last());
    }

    /**
     * What a Python says of its PyTorch.
     *
     * @param words version, CUDA's version, whether it sees a GPU; none: it has none
     */
    private record Answer(String[] words, String last) {}

    private static Answer ask(Path python) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(python.toString(), "-c", QUESTION).redirectErrorStream(true).redirectInput(Path.of("/dev/null").toFile()).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        String last = said.lines().reduce("", (before, line) -> line);
        return new Answer(process.waitFor() == 0 ? last.split(" ") : new String[0], last);
    }

    static Search search() throws IOException, InterruptedException {
        Optional<Path> python = List.of(System.getenv().getOrDefault("PATH", "").split(":", -1)).stream().filter(folder -> !folder.isEmpty()).map(folder -> Path.of(folder, "python3")).filter(Files::isExecutable).findFirst();
        if (python.isEmpty()) {
            return new Search(Optional.empty(), "there is no python3 on the PATH");
        }
        // Not resolved: a virtual environment is known by the name of the link.
        Path path = python.get().toAbsolutePath();
        Answer answer = ask(path);
        String[] words = answer.words();
        if (words.length == 0) {
            return new Search(Optional.empty(), path + ": " + answer.last());
        }
        return words.length == 3 && words[2].equals("True")
                ? new Search(Optional.of(new TorchPython(path, words[0])), "")
                : new Search(Optional.empty(), path + " has PyTorch " + String.join(", CUDA ", List.of(words).subList(0, Math.min(2, words.length))) + ", which sees no GPU");
    }
}
