package dev.ferry.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The arrows of docs/architecture.md: this module sees all others, so it can hold them. */
@AnalyzeClasses(packages = "dev.ferry", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String COORDINATOR = "dev.ferry.coordinator..";
    private static final String NODE = "dev.ferry.node..";
    private static final String STORAGE = "dev.ferry.storage..";
    private static final String COMMON = "dev.ferry.common..";
    private static final String CLI = "dev.ferry.cli..";

    @ArchTest
    static final ArchRule coordinatorAndDaemonMeetInProtoOnly =
            noClasses().that().resideInAPackage(COORDINATOR).should().dependOnClassesThat().resideInAPackage(NODE);

    @ArchTest
    static final ArchRule daemonDoesNotKnowTheCoordinator = noClasses().that().resideInAPackage(NODE).should().dependOnClassesThat().resideInAPackage(COORDINATOR);

    @ArchTest
    static final ArchRule nobodyKnowsTheCommandLine =
            noClasses().that().resideInAnyPackage(COORDINATOR, NODE, STORAGE, COMMON).should().dependOnClassesThat().resideInAPackage(CLI);

    @ArchTest
    static final ArchRule storageKnowsNoPart = noClasses().that().resideInAnyPackage(STORAGE, COMMON).should().dependOnClassesThat().resideInAnyPackage(COORDINATOR, NODE);

    @ArchTest
    static final ArchRule commonKnowsNoStorage = noClasses().that().resideInAPackage(COMMON).should().dependOnClassesThat().resideInAPackage(STORAGE);

    @ArchTest
    static final ArchRule nativeCodeIsCalledInOnePlace =
            noClasses().that().resideOutsideOfPackage("dev.ferry.node.posix..").should().dependOnClassesThat().resideInAnyPackage("jnr..", "com.kenai.jffi..", "java.lang.foreign..");

    @ArchTest
    static final ArchRule theS3LibraryStaysBehindTheStore =
            noClasses().that().resideOutsideOfPackage("dev.ferry.storage.object..").should().dependOnClassesThat().resideInAnyPackage("io.minio..", "okhttp3..");

    @ArchTest
    static final ArchRule theDatabaseStaysBehindItsInterface =
            noClasses().that().resideOutsideOfPackage("dev.ferry.coordinator.store..").should().dependOnClassesThat().resideInAnyPackage("java.sql..", "org.sqlite..");
}
