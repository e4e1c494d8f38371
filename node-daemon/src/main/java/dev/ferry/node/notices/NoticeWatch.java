package dev.ferry.node.notices;

import dev.ferry.common.Clock;
import dev.ferry.common.Durations;
import dev.ferry.proto.v1.NodeNotices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Looks at every source that the configuration names, each by a thread of its own, and says so when something changes. */
public final class NoticeWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NoticeWatch.class);
    private static final Duration AFTER_TROUBLE = Duration.ofSeconds(2);
    /** Asset tag of every virtual machine of Azure; others with Microsoft's hypervisor have the same vendor. */
    private static final String AZURE_TAG = "7783-7084-3265-9085-8269-3286-77";

    private final List<NoticeSource> sources = new ArrayList<>();
    private final List<AutoCloseable> clients = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final NoticeBoard board;
    private final Runnable onChange;
    private final CountDownLatch closing = new CountDownLatch(1);

    private NoticeWatch(String node, Runnable onChange) {
        this.onChange = onChange;
        board = new NoticeBoard(node, Clock.SYSTEM);
    }

    /**
     * Begins to watch.
     *
     * @param onChange is told when {@link #standing} is not what it was; may be called by several threads
     */
    public static NoticeWatch start(NoticesConfig config, String node, Runnable onChange) {
        NoticeWatch watch = new NoticeWatch(node, onChange);
        watch.add(config);
        for (NoticeSource source : watch.sources) {
            watch.threads.add(Thread.ofVirtual().name("notices " + source.name()).start(() -> watch.run(source)));
        }
        if (!watch.sources.isEmpty()) {
            LOG.info("looks for notices of {}", String.join(", ", watch.sources.stream().map(NoticeSource::name).toList()));
        }
        return watch;
    }

    private void add(NoticesConfig config) {
        Duration poll = Durations.parse(config.poll());
        List<String> clouds = config.named().equals(List.of(NoticesConfig.AUTO)) ? detect() : config.named();
        for (String cloud : clouds) {
            switch (cloud) {
                case "aws" -> {
                    AwsMetadata aws = client(new AwsMetadata(config.awsEndpoint()));
                    for (AwsSource.Place place : AwsSource.Place.values()) {
                        sources.add(new AwsSource(aws, place, poll));
                    }
                }
                case "gcp" -> {
                    MetadataClient gcp = client(new MetadataClient(config.gcpEndpoint()));
                    for (GcpSource.Value value : GcpSource.Value.values()) {
                        sources.add(new GcpSource(gcp, value, boot()));
                    }
                }
                case "azure" -> sources.add(new AzureSource(client(new MetadataClient(config.azureEndpoint())), poll, config.azureAcknowledge()));
                default -> throw new IllegalArgumentException("no such cloud: " + cloud);
            }
        }
        if (!config.file().isEmpty()) {
            sources.add(new FileSource(Path.of(config.file())));
        }
        if (!config.signal().isEmpty()) {
            sources.add(new SignalSource(config.signal()));
        }
        if (config.systemd()) {
            sources.add(client(new LogindSource("busctl", "systemd-inhibit", boot())));
        }
        if (!config.slurm().node().isEmpty()) {
            sources.add(new SlurmSource(config.slurm().scontrol(), config.slurm().node(), poll));
        }
        KubernetesConfig kubernetes = config.kubernetes();
        if (!kubernetes.node().isEmpty()) {
            MetadataClient api = client(kubernetes.caFile().isEmpty() ? new MetadataClient(kubernetes.endpoint()) : new MetadataClient(kubernetes.endpoint(), Path.of(kubernetes.caFile())));
            sources.add(new KubernetesSource(api, kubernetes.node(), Path.of(kubernetes.tokenFile()), kubernetes.read(), poll));
        }
    }

    private static String boot() {
        return read("/proc/sys/kernel/random/boot_id").split("-", 2)[0];
    }

    private <T extends AutoCloseable> T client(T opened) {
        clients.add(opened);
        return opened;
    }

    /** What the firmware says the machine is; nothing is asked over a network. */
    private static List<String> detect() {
        String vendor = read("/sys/class/dmi/id/sys_vendor").toLowerCase(Locale.ROOT);
        String product = read("/sys/class/dmi/id/product_name").toLowerCase(Locale.ROOT);
        if (vendor.contains("amazon ec2")) {
            return List.of("aws");
        }
        if (product.equals("google compute engine")) {
            return List.of("gcp");
        }
        return read("/sys/class/dmi/id/chassis_asset_tag").equals(AZURE_TAG) ? List.of("azure") : List.of();
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file)).strip();
        } catch (IOException absent) {
            return "";
        }
    }

    private void run(NoticeSource source) {
        String trouble = "";
        try {
            while (closing.getCount() > 0) {
                Duration pause = AFTER_TROUBLE;
                try {
                    List<Announcement> announced = source.look();
                    trouble = "";
                    pause = source.pause();
                    if (board.looked(source, announced)) {
                        onChange.run();
                    }
                } catch (IOException | RuntimeException | Error failed) {
                    // Whatever it is: a source that ends is one that nobody hears any more.
                    String now = failed.getMessage() == null ? "does not answer (" + failed.getClass().getSimpleName() + ")" : failed.getMessage();
                    // The same trouble is said once, not at every look.
                    if (!now.equals(trouble) && closing.getCount() > 0) {
                        LOG.warn("{}: {}", source.name(), now);
                    }
                    trouble = now;
                }
                boolean ignored = closing.await(pause.toMillis(), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    /** All that stands now. */
    public NodeNotices standing() {
        return board.standing();
    }

    /** The coordinator has done all that can be done about a notice. */
    public void settled(String notice) {
        for (NoticeSource source : sources) {
            String before = "/" + source.name() + "/";
            int at = notice.indexOf(before);
            if (at >= 0) {
                Thread ignored = Thread.ofVirtual().name("notices settle").start(() -> settle(source, notice.substring(at + before.length())));
            }
        }
    }

    private static void settle(NoticeSource source, String event) {
        try {
            source.settled(event);
        } catch (IOException failed) {
            // The event then begins at the time that was given, as without an acknowledgement.
            LOG.warn("{}: {}", source.name(), failed.getMessage());
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        closing.countDown();
        threads.forEach(Thread::interrupt);
        for (AutoCloseable client : clients) {
            try {
                client.close();
            } catch (Exception failed) {
                LOG.debug("a metadata client did not end in an orderly way", failed);
            }
        }
    }
}
