package dev.ferry.cli;

import dev.ferry.common.FerryException;
import dev.ferry.common.tls.Pem;
import dev.ferry.coordinator.api.ErrorTransport;
import dev.ferry.proto.v1.AccessGrpc;
import dev.ferry.proto.v1.AccountsGrpc;
import dev.ferry.proto.v1.DecisionsGrpc;
import dev.ferry.proto.v1.FerryGrpc;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.GetServerRequest;
import dev.ferry.proto.v1.Server;
import io.grpc.Channel;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.nio.NioEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NoRouteToHostException;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.net.ssl.SSLException;

/** A connection to a coordinator. */
public final class Client implements AutoCloseable {
    private static final Duration ANSWER = Duration.ofSeconds(30);
    private static final int MOST_MESSAGE = 64 << 20;

    /** After how long without a word of the coordinator it is asked for a sign of life; gRPC takes no less. */
    private static final Duration SILENCE = Duration.ofSeconds(10);

    /** How long a connection to one of several coordinators may take; gRPC would wait for it as long as for the answer, which a machine that is off never gives. */
    private static final Duration CONNECT = Duration.ofSeconds(3);

    private static final long END_MILLIS = 200;
    private static final Metadata.Key<String> AUTHORIZATION = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    /** How long the coordinators are asked in turn while none leads: longer than one needs to take over. */
    private static final Duration TURNS = Duration.ofSeconds(15);

    /** How long a coordinator that is alone, and that has answered before, is waited for: it is being started again. */
    private static final Duration RESTART = Duration.ofSeconds(60);
    private static final long TURN_MILLIS = 300;

    private static final String MAY_BE_DONE =
            "If this was to change something, it may have been done: look, for example with 'ferry ps' and 'ferry operations', before you repeat it.";

    /** What keeps a call from ever being sent. */
    private static final List<Class<? extends IOException>> NEVER_ASKED = List.of(ConnectException.class, NoRouteToHostException.class, UnknownHostException.class, SSLException.class);

    private final List<String> addresses;
    private final Access access;
    private final Duration restart;
    private final Duration within;
    private final Map<String, ManagedChannel> channels = new ConcurrentHashMap<>();
    private final AtomicInteger at = new AtomicInteger();
    private volatile boolean closed;
    /** Some coordinator has answered: one that does not answer then is away for a while, and not a wrong address. */
    private volatile boolean met;
    // Not gRPC's shared threads: those sit in the kernel until the end, and the JVM waits 300 ms for such threads when it exits.
    private final NioEventLoopGroup thread = new NioEventLoopGroup(1, Thread.ofPlatform().daemon().name("client").factory());

    /** With what options, environment and files of this user say. */
    public Client(String server) {
        this(server, Access.of(server, Access.Options.NONE));
    }

    /**
     * @param server host:port; where several coordinators share a database, all of them, separated by commas
     */
    public Client(String server, Access access) {
        this(server, access, RESTART, ANSWER);
    }

    /**
     * @param restart how long a coordinator that is alone is waited for; a stream that has stood for longer counts as an answer
     * @param within how long one answer may take, where a call does not say otherwise
     */
    Client(String server, Access access, Duration restart, Duration within) {
        this.restart = restart;
        this.within = within;
        addresses = Arrays.stream(server.split(",", -1)).map(String::strip).toList();
        for (String address : addresses) {
            if (!address.matches("([^\\s:]+|\\[[^\\]]+\\]):\\d{1,5}")) {
                throw new FerryException(ErrorCode.INVALID_ARGUMENT, "'" + address + "' is not the address of a coordinator; write host:port, several separated by commas");
            }
        }
        this.access = access;
        addresses.forEach(address -> requirePrivateLine(address, access));
    }

    private ManagedChannel open(String address) {
        // Of several coordinators another one may lead than the one whose folder this is.
        Optional<Path> socket = access.socket().filter(local -> addresses.size() == 1 && answers(local));
        NettyChannelBuilder builder = (socket.isPresent() ? local(socket.get()) : remote(address)).eventLoopGroup(thread).maxInboundMessageSize(MOST_MESSAGE).directExecutor();
        access.token().ifPresent(token -> builder.intercept(MetadataUtils.newAttachHeadersInterceptor(bearer(token))));
        return builder.build();
    }

    private NettyChannelBuilder remote(String address) {
        // A machine that stands still or is cut off ends no connection, while another one leads by then, or the same one was started anew.
        NettyChannelBuilder builder =
                NettyChannelBuilder.forTarget(address).channelType(NioSocketChannel.class).keepAliveTime(SILENCE.toSeconds(), TimeUnit.SECONDS).keepAliveTimeout(SILENCE.toSeconds() / 2, TimeUnit.SECONDS);
        return access.authority().isPresent() ? builder.sslContext(trusting(access.authority().get())) : builder.usePlaintext();
    }

    private static NettyChannelBuilder local(Path socket) {
        // gRPC sets what such a socket does not have, and Netty warns of it on the user's terminal: null takes it away.
        return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket)).channelType(NioDomainSocketChannel.class).withOption(ChannelOption.SO_KEEPALIVE, null).usePlaintext();
    }

    /** A coordinator that was killed leaves its socket: then the one that has its place, perhaps with another folder, is asked by the network. */
    private static boolean answers(Path socket) {
        try (SocketChannel tried = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            return tried.isConnected();
        } catch (IOException | IllegalArgumentException nobody) {
            return false;
        }
    }

    /** The JDK's TLS, not gRPC's native one: that would unpack a library at each call. */
    private static SslContext trusting(Path authority) {
        try {
            return GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK).trustManager(Pem.readCertificates(authority)).protocols("TLSv1.3").build();
        } catch (SSLException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** A token is said only where nobody else can hear it. */
    private static void requirePrivateLine(String server, Access access) {
        String host = server.substring(0, server.lastIndexOf(':')).replaceAll("^\\[|\\]$", "");
        try {
            if (access.token().isPresent() && access.authority().isEmpty() && !access.insecure() && !InetAddress.getByName(host).isLoopbackAddress()) {
                throw new FerryException(
                        ErrorCode.INVALID_ARGUMENT, "The token would go to " + server + " where others can read it: give --ca-file with the certificate of the coordinator's authority (access/ca.pem of its data folder), or --insecure");
            }
        } catch (UnknownHostException unknown) {
            throw new FerryException(ErrorCode.COORDINATOR_UNREACHABLE, "There is no host '" + host + "'", unknown);
        }
    }

    private static Metadata bearer(String token) {
        Metadata headers = new Metadata();
        headers.put(AUTHORIZATION, "Bearer " + token);
        return headers;
    }

    /** The address that is asked now. */
    public String server() {
        return addresses.get(at.get());
    }

    /** What may be asked again, of another coordinator or of the same one when it is back. */
    private enum Repeat {
        /** Only if it surely was not done. */
        NOT_DONE,
        /** A look: also if it broke off, or was not answered in time. */
        ALWAYS
    }

    /** Asks the coordinator that leads; which one that is, is found out by asking. */
    private <T> T asking(Repeat repeat, Function<ManagedChannel, T> call) {
        return asking(repeat, new AtomicBoolean(), call);
    }

    /**
     * @param answered is set by the call when it has an answer: what breaks off then has all its turns before it, however long it went well
     */
    private <T> T asking(Repeat repeat, AtomicBoolean answered, Function<ManagedChannel, T> call) {
        long end = 0;
        boolean stalledBefore = false;
        while (true) {
            requireOpen();
            int asked = at.get();
            long began = System.nanoTime();
            try {
                ManagedChannel channel = channels.computeIfAbsent(addresses.get(asked), this::open);
                T answer = call.apply(addresses.size() > 1 || (met && repeat == Repeat.ALWAYS) ? connected(channel) : channel);
                met = true;
                return answer;
            } catch (StatusRuntimeException failed) {
                FerryException error = ErrorTransport.toError(failed, addresses.get(asked));
                long now = System.nanoTime();
                boolean stalled = isStalled(error);
                // A log may say nothing for days: its stream is alive nevertheless.
                boolean stood = repeat == Repeat.ALWAYS && !stalled && now - began > restart.toNanos();
                boolean answers = answered.getAndSet(false) || stood;
                if (answers) {
                    met = true;
                }
                boolean again = repeat == Repeat.ALWAYS ? (addresses.size() > 1 || met) && (isAway(error) || stalled) : addresses.size() > 1 && isNotDone(error, failed);
                if (isAway(error) || error.code() == ErrorCode.DEADLINE_EXCEEDED) {
                    // Also where this call can't be repeated: whoever asks again is answered by another one.
                    // Not from one that another thread has gone on to meanwhile.
                    boolean ignored = at.compareAndSet(asked, (asked + 1) % addresses.size());
                }
                if (end == 0 || answers) {
                    // Of several one that stalls may lead nevertheless: it is asked again when the others have said so.
                    end = now + (addresses.size() > 1 && !stalled ? TURNS : restart).toNanos();
                } else if (stalled && !stalledBefore) {
                    // It has taken as long as an answer may, which was not foreseen when another one refused.
                    end = now + Math.max(end - now, restart.toNanos());
                }
                stalledBefore |= stalled;
                if (!again || now - end > 0) {
                    throw repeat == Repeat.NOT_DONE && mayBeDone(error, failed) ? withAdvice(error) : error;
                }
                pauseAfterRound();
            }
        }
    }

    /**
     * Waits for the connection, where there are others to ask or it is asked again. One that can't be made fails the call at once, with what is wrong.
     *
     * @throws StatusRuntimeException UNAVAILABLE when it takes too long: nothing was asked
     */
    private static ManagedChannel connected(ManagedChannel channel) {
        if (!connects(channel)) {
            throw Status.UNAVAILABLE.withCause(new ConnectException("no connection within " + CONNECT.toSeconds() + " s")).asRuntimeException();
        }
        return channel;
    }

    private static boolean connects(ManagedChannel channel) {
        long end = System.nanoTime() + CONNECT.toNanos();
        ConnectivityState now = channel.getState(true);
        try {
            while (now == ConnectivityState.IDLE || now == ConnectivityState.CONNECTING) {
                CountDownLatch changed = new CountDownLatch(1);
                channel.notifyWhenStateChanged(now, changed::countDown);
                if (!changed.await(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                    return false;
                }
                now = channel.getState(true);
            }
        } catch (InterruptedException interrupted) {
            // The call says it.
            Thread.currentThread().interrupt();
        }
        return true;
    }

    private static boolean isAway(FerryException error) {
        return error.code() == ErrorCode.NOT_LEADER || error.code() == ErrorCode.COORDINATOR_UNREACHABLE;
    }

    /** Whether no answer came within the time that this end gives a call. A coordinator that says of itself that something took too long has answered. */
    private static boolean isStalled(FerryException error) {
        return error.code() == ErrorCode.DEADLINE_EXCEEDED && error.getCause() instanceof StatusRuntimeException;
    }

    private static boolean isNotDone(FerryException error, Throwable failed) {
        return error.code() == ErrorCode.NOT_LEADER || (error.code() == ErrorCode.COORDINATOR_UNREACHABLE && hasCause(failed, ConnectException.class));
    }

    private static boolean hasCause(Throwable failed, Class<? extends IOException> kind) {
        for (Throwable cause = failed; cause != null; cause = cause.getCause()) {
            if (kind.isInstance(cause)) {
                return true;
            }
        }
        return false;
    }

    /** Whether it was asked, and nobody knows what came of it: the connection broke, or no answer came in time. */
    private static boolean mayBeDone(FerryException error, Throwable failed) {
        boolean asked = NEVER_ASKED.stream().noneMatch(kind -> hasCause(failed, kind));
        return asked && (isStalled(error) || (error.code() == ErrorCode.COORDINATOR_UNREACHABLE && error.getCause() instanceof StatusRuntimeException));
    }

    /** Nobody who is told that there is no coordinator would look before he gives an order again. */
    private static FerryException withAdvice(FerryException error) {
        return new FerryException(error.detail().toBuilder().setAdvice(MAY_BE_DONE).build());
    }

    /** What is still at work in the background must not open what nobody closes any more. */
    private void requireOpen() {
        if (closed) {
            throw new FerryException(ErrorCode.CANCELLED, "The connection to " + server() + " was closed");
        }
    }

    private void pauseAfterRound() {
        if (at.get() == 0) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(TURN_MILLIS));
            connectNow();
        }
    }

    /** The next call tries to connect at once, however often that has failed: a channel waits longer each time by itself. */
    public void connectNow() {
        channels.values().forEach(ManagedChannel::resetConnectBackoff);
    }

    private <S extends AbstractStub<S>, T> T once(Function<Channel, S> stub, Duration atMost, Function<S, T> call) {
        return asking(Repeat.NOT_DONE, channel -> call.apply(stub.apply(channel).withDeadlineAfter(atMost.toMillis(), TimeUnit.MILLISECONDS)));
    }

    /**
     * Asks for one answer.
     *
     * @throws FerryException what the coordinator says is wrong, or COORDINATOR_UNREACHABLE
     */
    public <T> T ask(Function<FerryGrpc.FerryBlockingStub, T> call) {
        return ask(within, call);
    }

    /** As {@link #ask(Function)}, for what takes long. */
    public <T> T ask(Duration atMost, Function<FerryGrpc.FerryBlockingStub, T> call) {
        return once(FerryGrpc::newBlockingStub, atMost, call);
    }

    /** As {@link #ask}, of what has to do with accounts. */
    public <T> T askAccounts(Function<AccountsGrpc.AccountsBlockingStub, T> call) {
        return once(AccountsGrpc::newBlockingStub, within, call);
    }

    /** As {@link #ask}, of what the scheduler decides. */
    public <T> T askDecisions(Function<DecisionsGrpc.DecisionsBlockingStub, T> call) {
        return once(DecisionsGrpc::newBlockingStub, within, call);
    }

    /**
     * Asks for one answer of the administrators' verbs.
     *
     * @throws FerryException as {@link #ask}
     */
    public <T> T administrate(Function<AccessGrpc.AccessBlockingStub, T> call) {
        return once(AccessGrpc::newBlockingStub, within, call);
    }

    /** As {@link #ask(Function)}, for what does no harm when it is asked twice: also when it breaks off, or is not answered in time. */
    public <T> T look(Function<FerryGrpc.FerryBlockingStub, T> call) {
        return asking(Repeat.ALWAYS, channel -> call.apply(FerryGrpc.newBlockingStub(channel).withDeadlineAfter(within.toMillis(), TimeUnit.MILLISECONDS)));
    }

    /**
     * Takes a stream of answers to its end, however long it takes. Each tells how things are, so that it is taken up with the
     * next leader, or the same one started anew, when this one is gone.
     *
     * @return the last one
     */
    public <T> T follow(Function<FerryGrpc.FerryBlockingStub, Iterator<T>> call, Consumer<T> each) {
        AtomicBoolean answered = new AtomicBoolean();
        T last =
                asking(
                        Repeat.ALWAYS,
                        answered,
                        channel -> {
                            T newest = null;
                            Iterator<T> answers = call.apply(FerryGrpc.newBlockingStub(channel));
                            while (answers.hasNext()) {
                                newest = answers.next();
                                answered.set(true);
                                each.accept(newest);
                            }
                            return newest;
                        });
        if (last == null) {
            throw new FerryException(ErrorCode.INTERNAL, "The coordinator at " + server() + " answered nothing");
        }
        return last;
    }

    /** As {@link #each}, of the administrators' verbs. */
    public <T> void eachEntry(Function<AccessGrpc.AccessBlockingStub, Iterator<T>> call, Consumer<T> each) {
        drain(channel -> call.apply(AccessGrpc.newBlockingStub(channel)), each);
    }

    /**
     * As {@link #follow}, for a stream of pieces, which may be empty.
     *
     * @param call asks for what has not come yet: it is made anew each time that the stream breaks off
     */
    public <T> void pieces(Function<FerryGrpc.FerryBlockingStub, Iterator<T>> call, Consumer<T> each) {
        AtomicBoolean answered = new AtomicBoolean();
        boolean ignored =
                asking(
                        Repeat.ALWAYS,
                        answered,
                        channel -> {
                            call.apply(FerryGrpc.newBlockingStub(channel)).forEachRemaining(piece -> {
                                answered.set(true);
                                each.accept(piece);
                            });
                            return true;
                        });
    }

    /** As {@link #follow}, for a stream that may be empty and is not taken up again. */
    public <T> void each(Function<FerryGrpc.FerryBlockingStub, Iterator<T>> call, Consumer<T> each) {
        drain(channel -> call.apply(FerryGrpc.newBlockingStub(channel)), each);
    }

    private <T> void drain(Function<ManagedChannel, Iterator<T>> call, Consumer<T> each) {
        boolean ignored =
                asking(
                        Repeat.NOT_DONE,
                        channel -> {
                            call.apply(channel).forEachRemaining(each);
                            return true;
                        });
    }

    /** Work that may read or write files. */
    public interface Work<A, T> {
        T on(A what) throws IOException;
    }

    /**
     * Works on a stream of answers, as they come, to its end. Nothing is asked twice.
     *
     * @throws FerryException as {@link #ask}
     */
    public <A, T> T read(Duration atMost, Function<FerryGrpc.FerryBlockingStub, Iterator<A>> call, Work<Iterator<A>, T> work) throws IOException {
        ManagedChannel leader = leader();
        try {
            return work.on(call.apply(FerryGrpc.newBlockingStub(leader).withDeadlineAfter(atMost.toMillis(), TimeUnit.MILLISECONDS)));
        } catch (StatusRuntimeException failed) {
            throw ErrorTransport.toError(failed, server());
        }
    }

    /**
     * Sends a stream of requests and takes the one answer. Nothing is sent twice.
     *
     * @throws FerryException as {@link #ask}
     */
    public <Q, A> A send(Duration atMost, Function<FerryGrpc.FerryBlockingV2Stub, BlockingClientCall<Q, A>> begin, Upload.Source<Q> source) throws IOException {
        FerryGrpc.FerryBlockingV2Stub stub = FerryGrpc.newBlockingV2Stub(leader()).withDeadlineAfter(atMost.toMillis(), TimeUnit.MILLISECONDS);
        return new Upload<>(begin.apply(stub), server()).run(source);
    }

    /** The coordinator that leads, which is found before anything is sent that can't be sent again. */
    private ManagedChannel leader() {
        Server ignored = ask(stub -> stub.getServer(GetServerRequest.getDefaultInstance()));
        return channels.computeIfAbsent(server(), this::open);
    }

    @Override
    public void close() {
        closed = true;
        channels.values().forEach(ManagedChannel::shutdownNow);
        channels.values().forEach(Client::awaitEnd);
        var ended = thread.shutdownGracefully(0, END_MILLIS, TimeUnit.MILLISECONDS);
        boolean ignored = ended.awaitUninterruptibly(END_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** One that is still about to connect wants the thread once more, and says so loudly when that is gone. */
    private static void awaitEnd(ManagedChannel channel) {
        try {
            boolean ignored = channel.awaitTermination(END_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
