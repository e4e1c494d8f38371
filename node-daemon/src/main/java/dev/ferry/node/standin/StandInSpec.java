package dev.ferry.node.standin;

import dev.ferry.common.FerryException;
import dev.ferry.common.Sizes;
import dev.ferry.proto.v1.ErrorCode;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which GPUs a stand-in plays: {@code stand-in:4xH100}, {@code stand-in:2xA100:570} or {@code stand-in:1xH100:580:2GiB}.
 *
 * @param model name as NVML says it
 * @param driver major version of the driver: 550, 570, 580, 610, 615
 */
public record StandInSpec(int count, String model, int driver, long memoryBytes) {
    private static final Pattern FORM = Pattern.compile("stand-in:(\\d{1,2})x([A-Za-z0-9-]+)(?::(\\d{3}))?(?::(\\d+(?:\\.\\d+)?[KMGT]iB))?");
    private static final int MOST = 16;
    private static final int NEWEST_COMMON = 580;
    private static final Map<String, String> MODELS =
            Map.of("H100", "NVIDIA H100 80GB HBM3", "H200", "NVIDIA H200", "A100", "NVIDIA A100-SXM4-80GB", "L4", "NVIDIA L4", "B200", "NVIDIA B200");
    private static final Map<String, String> MEMORY = Map.of("H100", "80GiB", "H200", "141GiB", "A100", "80GiB", "L4", "24GiB", "B200", "180GiB");

    /**
     * @throws FerryException INVALID_ARGUMENT
     */
    public static StandInSpec parse(String text) {
        Matcher form = FORM.matcher(text);
        if (!form.matches() || Integer.parseInt(form.group(1)) < 1 || Integer.parseInt(form.group(1)) > MOST) {
            throw new FerryException(
                    ErrorCode.INVALID_ARGUMENT, "'" + text + "' is not a stand-in for GPUs; write stand-in:COUNTxMODEL[:DRIVER[:MEMORY]] with at most " + MOST + ", for example stand-in:4xH100 or stand-in:2xA100:570:2GiB");
        }
        String model = form.group(2);
        String memory = form.group(4) == null ? MEMORY.getOrDefault(model, "16GiB") : form.group(4);
        return new StandInSpec(
                Integer.parseInt(form.group(1)), MODELS.getOrDefault(model, model), form.group(3) == null ? NEWEST_COMMON : Integer.parseInt(form.group(3)), Sizes.parse(memory));
    }
}
