package dev.ferry.cli.verbs;

import dev.ferry.cli.Client;
import dev.ferry.proto.v1.DeleteJobRequest;
import dev.ferry.proto.v1.DeletedJob;
import dev.ferry.proto.v1.GetNodeRequest;
import dev.ferry.proto.v1.Node;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What removes the records of what is no more. */
final class RemovalVerbs {
    private RemovalVerbs() {}

    /** {@code ferry job delete}. */
    @Command(
            name = "delete",
            description = {
                "Deletes jobs that have ended: their log and files on every node that ran them, their operations and their record. What they have used stays billed.",
                "Without this verb it is done when 'upkeep.keepEnded' is over. A node that is away must answer first, or be declared dead."
            },
            footer = {"", "Examples:", "  ferry job delete train", "  ferry job delete train --images"})
    static final class DeleteJob implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "JOB", arity = "1..*", description = "Name, id or begin of an id; of ended jobs of one name the last one is meant.")
        private List<String> jobs = List.of();

        @Option(names = "--images", description = "Their images too. Without it a job that has images is not deleted: it could be restored from them.")
        private boolean images;

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                return OneByOne.each(jobs, job -> delete(client, job));
            }
        }

        private void delete(Client client, String job) {
            DeletedJob deleted = client.ask(stub -> stub.deleteJob(DeleteJobRequest.newBuilder().setJob(job).setImages(images).build()));
            server.print(deleted, () -> deleted.getJob().getId() + " is deleted" + (deleted.getImages() == 0 ? "" : ", with " + deleted.getImages() + " images") + "\n");
        }
    }

    /** {@code ferry node remove}. */
    @Command(
            name = "remove",
            description = "Removes a node that was declared dead from the list, and lets its machine in no more, until one joins under its name by a token for it. Its jobs that are lost can still be restored.",
            footer = {"", "Example:", "  ferry node remove node-2"})
    static final class RemoveNode implements Callable<Integer> {
        @Mixin private final ServerOption server = new ServerOption();

        @Parameters(paramLabel = "NODE", description = "Name of the node.")
        private String node = "";

        @Override
        public Integer call() {
            try (Client client = server.connect()) {
                Node gone = client.ask(stub -> stub.removeNode(GetNodeRequest.newBuilder().setNode(node).build()));
                server.print(gone, () -> gone.getName() + " is removed\n");
                return 0;
            }
        }
    }
}
