package dev.ferry.node.posix;

import java.lang.reflect.Proxy;
import java.util.Objects;

/** Signals to this process. */
public final class Signals {
    private Signals() {}

    /**
     * Has something done at a signal, on a thread of the virtual machine, in the place of what the signal does by default.
     *
     * @param name without SIG; one that the virtual machine does not need itself
     * @throws IllegalStateException when it does
     */
    public static void onSignal(String name, Runnable action) {
        try {
            // The only door to signals that Java has; the compiler warns of each use by name, and no annotation silences that.
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object doing =
                    Proxy.newProxyInstance(
                            Signals.class.getClassLoader(),
                            new Class<?>[] {handler},
                            (proxy, method, arguments) -> {
                                switch (method.getName()) {
                                    case "handle" -> action.run();
                                    case "hashCode" -> {
                                        return System.identityHashCode(proxy);
                                    }
                                    case "equals" -> {
                                        return proxy == arguments[0];
                                    }
                                    default -> {
                                        return Objects.toIdentityString(proxy);
                                    }
                                }
                                return null;
                            });
            Object before = signal.getMethod("handle", signal, handler).invoke(null, signal.getConstructor(String.class).newInstance(name), doing);
            Objects.requireNonNull(before);
        } catch (ReflectiveOperationException refused) {
            throw new IllegalStateException("the signal " + name + " can't be taken", refused);
        }
    }
}
