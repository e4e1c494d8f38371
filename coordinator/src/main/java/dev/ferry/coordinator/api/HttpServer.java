package dev.ferry.coordinator.api;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.ferry.common.Errors;
import dev.ferry.common.FerryException;
import dev.ferry.coordinator.GrpcPorts;
import dev.ferry.common.tls.TlsIdentity;
import dev.ferry.coordinator.scheduling.AccountsApi;
import dev.ferry.coordinator.access.Caller;
import dev.ferry.coordinator.access.Credentials;
import dev.ferry.coordinator.access.VerbRule;
import dev.ferry.coordinator.access.VerbRules;
import dev.ferry.coordinator.scheduling.DecisionsApi;
import dev.ferry.proto.v1.ErrorCode;
import dev.ferry.proto.v1.ErrorDetail;
import dev.ferry.storage.ObjectStore;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.KeyCertOptions;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The HTTP side: the verbs as JSON, their description, metrics and health. */
public final class HttpServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
    private static final long START_SECONDS = 10;
    private static final long MOST_BODY = 4 << 20;
    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().alwaysPrintFieldsWithNoPresence();
    private static final JsonFormat.Parser PARSER = JsonFormat.parser();

    private final Vertx vertx;
    private final Router router;
    private final io.vertx.core.http.HttpServer server;
    private final ExecutorService calls = Executors.newVirtualThreadPerTaskExecutor();

    private HttpServer(Vertx vertx, Router router, io.vertx.core.http.HttpServer server) {
        this.vertx = vertx;
        this.router = router;
        this.server = server;
    }

    /** Takes the port; until {@link #serve} every request is answered by 503. */
    public static HttpServer bind(String address, Optional<TlsIdentity> tls) {
        InetSocketAddress where = GrpcPorts.address(address);
        // No files are served: without its cache of files a process that is killed leaves no folder of temporary ones.
        FileSystemOptions noFiles = new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false);
        Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setWorkerPoolSize(1).setInternalBlockingPoolSize(1).setFileSystemOptions(noFiles));
        Router router = Router.router(vertx);
        try {
            io.vertx.core.http.HttpServer server =
                    vertx.createHttpServer(options(where, tls))
                            .requestHandler(router)
                            .listen()
                            .toCompletionStage()
                            .toCompletableFuture()
                            .get(START_SECONDS, TimeUnit.SECONDS);
            return new HttpServer(vertx, router, server);
        } catch (ExecutionException | TimeoutException failed) {
            vertx.close();
            throw new FerryException(ErrorCode.CONFIG_INVALID, "httpListen: can't listen on " + address + ": " + failed.getCause(), failed);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new FerryException(ErrorCode.CANCELLED, "The start was interrupted", interrupted);
        }
    }

    private static HttpServerOptions options(InetSocketAddress where, Optional<TlsIdentity> tls) {
        HttpServerOptions options = new HttpServerOptions().setHost(where.getHostString()).setPort(where.getPort());
        // Without TLS nobody needs HTTP/2, and an upgrade to it in the middle of a request with a body can break the connection.
        options.setHttp2ClearTextEnabled(false);
        tls.ifPresent(identity -> options.setSsl(true).setKeyCertOptions(KeyCertOptions.wrap(identity)).setEnabledSecureTransportProtocols(Set.of("TLSv1.3")));
        return options;
    }

    public int port() {
        return server.actualPort();
    }

    public String address() {
        return "http port " + port();
    }

    /** Begins to answer. */
    public void serve(FerryApi api, AccountsApi accounts, DecisionsApi decisions, LogReader logs, Metrics metrics, ObjectStore objects, Gate gate) {
        List<Route> routes = Stream.of(Route.all(api), AccountsService.routes(accounts), DecisionsService.routes(decisions)).flatMap(List::stream).toList();
        Readiness readiness = new Readiness(() -> LOG.trace("{} {}", objects.get("probe/none"), api.nodes().getNodesCount()), calls);
        String description = OpenApi.describe(routes, api.server().getVersion()).encodePrettily();
        BodyHandler bodies = BodyHandler.create(false).setBodyLimit(MOST_BODY);
        // What is only asked for has no body, and if it has one nobody reads it.
        for (HttpMethod method : List.of(HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE)) {
            router.route().method(method).handler(context -> admit(context, gate));
            router.route().method(method).handler(bodies);
        }
        for (Route route : routes) {
            router.route(HttpMethod.valueOf(route.method()), vertxPath(route.path())).handler(context -> call(context, route, gate));
        }
        router.get(vertxPath(HttpLog.PATH)).handler(context -> later(context, () -> HttpLog.answer(context, logs, gate)));
        router.get("/openapi.json").handler(context -> json(context, 200, description));
        router.get("/healthz").handler(context -> context.response().end("ok\n"));
        router.get("/readyz").handler(context -> later(context, () -> ready(context, readiness)));
        router.get("/metrics").handler(context -> later(context, () -> metrics(context, metrics, gate)));
        router.route().handler(context -> fail(context, 404, new FerryException(ErrorCode.INVALID_ARGUMENT, "There is nothing at " + context.request().method() + " " + context.request().path() + "; /openapi.json lists all").detail()));
    }

    /** Answers for a coordinator that does not lead: it is well, and not ready. */
    public void standBy(Supplier<ErrorDetail> refusal) {
        router.get("/healthz").handler(context -> context.response().end("ok\n"));
        router.get("/readyz").handler(context -> context.response().setStatusCode(503).end("not ready: " + refusal.get().getMessage() + "\n"));
        router.route().handler(context -> fail(context, Errors.meaning(ErrorCode.NOT_LEADER).getHttpStatus(), refusal.get()));
    }

    private static String vertxPath(String path) {
        return path.replaceAll("\\{(\\w+)\\}", ":$1");
    }

    private void later(RoutingContext context, Runnable work) {
        Future<?> unused =
                calls.submit(
                        () -> {
                            try {
                                work.run();
                            } catch (RuntimeException | Error failed) {
                                // Whoever has asked hears of it, whatever it is: nobody else answers him.
                                ErrorDetail detail = Errors.detailOf(failed);
                                if (!(failed instanceof FerryException)) {
                                    LOG.error("a call failed", failed);
                                }
                                fail(context, Errors.meaning(detail.getCode()).getHttpStatus(), detail);
                            }
                        });
    }

    /** Who asks, by the header that he shows. */
    static Caller caller(RoutingContext context, VerbRule rule, Gate gate) {
        return gate.caller(rule, new Credentials.Shown(Optional.ofNullable(context.request().getHeader("authorization")), Optional.empty(), String.valueOf(context.request().remoteAddress())));
    }

    /** Nobody who has no token has his body read: what he sends waits in the kernel until he is known, or told to go. */
    private void admit(RoutingContext context, Gate gate) {
        Context loop = vertx.getOrCreateContext();
        context.request().pause();
        later(
                context,
                () -> {
                    try {
                        Caller ignored = caller(context, VerbRules.of("GetServer"), gate);
                    } catch (RuntimeException | Error refused) {
                        // What was not read is not waited for: nobody would hear that the other side has gone.
                        context.response().putHeader("connection", "close").endHandler(ended -> loop.runOnContext(now -> context.request().connection().close()));
                        throw refused;
                    }
                    loop.runOnContext(
                            known -> {
                                context.request().resume();
                                context.next();
                            });
                });
    }

    /** What is counted is of all jobs and accounts: for whoever sees them all. */
    private static void metrics(RoutingContext context, Metrics metrics, Gate gate) {
        Caller caller = caller(context, VerbRules.of("GetServer"), gate);
        if (!caller.seesAll()) {
            throw new FerryException(ErrorCode.FORBIDDEN, "The metrics are of all accounts, and this token sees only some: make one for the monitoring with 'ferry admin token create --role viewer'");
        }
        var unused = context.response().putHeader("content-type", "text/plain; version=0.0.4").end(metrics.scrape());
    }

    private void call(RoutingContext context, Route route, Gate gate) {
        later(
                context,
                () -> {
                    VerbRule rule = VerbRules.of(route.rpc());
                    Caller caller = caller(context, rule, gate);
                    Message.Builder request = route.request().newBuilderForType();
                    String body = route.method().equals("GET") ? "" : context.body().asString();
                    if (body != null && !body.isBlank()) {
                        try {
                            PARSER.merge(body, request);
                        } catch (InvalidProtocolBufferException malformed) {
                            throw new FerryException(ErrorCode.INVALID_ARGUMENT, "The body is not what is asked for: " + malformed.getMessage(), malformed);
                        }
                    }
                    context.queryParams().forEach(parameter -> Route.set(request, parameter.getKey(), parameter.getValue()));
                    context.pathParams().forEach((name, value) -> Route.set(request, name, value));
                    json(context, 200, print(carryOut(route, caller, rule, request.build(), gate)));
                });
    }

    private static Message carryOut(Route route, Caller caller, VerbRule rule, Message request, Gate gate) {
        Message answer;
        try {
            Message admitted = gate.request(caller, rule, request);
            answer = caller.call(() -> route.call().apply(admitted));
        } catch (RuntimeException | Error failed) {
            gate.failed(caller, rule, request, failed);
            throw failed;
        }
        return gate.answer(caller, rule, request, answer);
    }

    private static String print(Message message) {
        try {
            return PRINTER.print(message);
        } catch (InvalidProtocolBufferException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static void ready(RoutingContext context, Readiness readiness) {
        Optional<String> problem = readiness.problem();
        var unused = context.response().setStatusCode(problem.isEmpty() ? 200 : 503).end(problem.map(what -> "not ready: " + what + "\n").orElse("ready\n"));
    }

    private static void fail(RoutingContext context, int status, ErrorDetail detail) {
        ErrorDetail whole = detail.getAdvice().isEmpty() ? detail.toBuilder().setAdvice(Errors.meaning(detail.getCode()).getAdvice()).build() : detail;
        json(context, status, print(whole));
    }

    private static void json(RoutingContext context, int status, String document) {
        var unused = context.response().setStatusCode(status).putHeader("content-type", "application/json").end(Buffer.buffer(document));
    }

    @Override
    public void close() throws Exception {
        calls.shutdownNow();
        vertx.close().toCompletionStage().toCompletableFuture().get(START_SECONDS, TimeUnit.SECONDS);
    }
}
