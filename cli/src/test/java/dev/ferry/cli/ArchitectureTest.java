package dev.ferry.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.ferry.common.FerryException;
import dev.ferry.proto.v1.ErrorCode;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;

/** The arrows of docs/architecture.md: this module sees all others, so it can hold them. */
@AnalyzeClasses(packages = "dev.ferry", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String COORDINATOR = "dev.ferry.coordinator..";
    private static final String NODE = "dev.ferry.node..";
    private static final String STORAGE = "dev.ferry.storage..";
    private static final String COMMON = "dev.ferry.common..";
    private static final String SCHEDULING = "dev.ferry.scheduling..";
    private static final String CLI = "dev.ferry.cli..";

    @ArchTest
    static final ArchRule coordinatorAndDaemonMeetInProtoOnly =
            noClasses().that().resideInAPackage(COORDINATOR).should().dependOnClassesThat().resideInAPackage(NODE);

    @ArchTest
    static final ArchRule daemonDoesNotKnowTheCoordinator = noClasses().that().resideInAPackage(NODE).should().dependOnClassesThat().resideInAPackage(COORDINATOR);

    @ArchTest
    static final ArchRule nobodyKnowsTheCommandLine =
            noClasses().that().resideInAnyPackage(COORDINATOR, NODE, STORAGE, SCHEDULING, COMMON).should().dependOnClassesThat().resideInAPackage(CLI);

    @ArchTest
    static final ArchRule storageKnowsNoPart = noClasses().that().resideInAnyPackage(STORAGE, COMMON).should().dependOnClassesThat().resideInAnyPackage(COORDINATOR, NODE);

    @ArchTest
    static final ArchRule commonKnowsNoStorage = noClasses().that().resideInAPackage(COMMON).should().dependOnClassesThat().resideInAPackage(STORAGE);

    /** Decisions are functions of what they are given: no clock, no file, no network, no thread, and none of the messages that travel but the codes of errors. */
    @ArchTest
    static final ArchRule schedulingIsPure =
            classes()
                    .that()
                    .resideInAPackage(SCHEDULING)
                    .should()
                    .onlyDependOnClassesThat(
                            resideInAnyPackage(SCHEDULING, "java.lang", "java.lang.invoke", "java.lang.runtime", "java.util", "java.util.function", "java.util.regex", "java.util.stream", "java.math", "java.time..", "org.jspecify.annotations")
                                    .or(type(FerryException.class))
                                    .or(type(ErrorCode.class)));

    @ArchTest
    static final ArchRule schedulingReadsNoClock =
            noClasses()
                    .that()
                    .resideInAPackage(SCHEDULING)
                    .should()
                    .callMethod(System.class, "currentTimeMillis")
                    .orShould()
                    .callMethod(System.class, "nanoTime")
                    .orShould()
                    .callMethod(LocalDate.class, "now")
                    .orShould()
                    .callMethod(LocalDateTime.class, "now")
                    .orShould()
                    .callMethod(Instant.class, "now")
                    .orShould()
                    .dependOnClassesThat()
                    .areAssignableTo(Clock.class);

    @ArchTest
    static final ArchRule nativeCodeIsCalledInOnePlace =
            noClasses().that().resideOutsideOfPackage("dev.ferry.node.posix..").should().dependOnClassesThat().resideInAnyPackage("jnr..", "com.kenai.jffi..", "java.lang.foreign..");

    @ArchTest
    static final ArchRule theS3LibraryStaysBehindTheStore =
            noClasses().that().resideOutsideOfPackage("dev.ferry.storage.object..").should().dependOnClassesThat().resideInAnyPackage("io.minio..", "okhttp3..");

    @ArchTest
    static final ArchRule theDatabaseStaysBehindItsInterface =
            noClasses().that().resideOutsideOfPackage("dev.ferry.coordinator.store..").should().dependOnClassesThat().resideInAnyPackage("java.sql..", "org.sqlite..", "org.jdbi..", "org.flywaydb..", "com.zaxxer..", "org.postgresql..");
}
