/** The coordinator itself in simulated worlds, under one seeded order of events; in the manner of Apache Kafka's RaftEventSimulationTest. */
package dev.ferry.chaos.simulation;
