"""A training-like program in Python by ctypes: train.py STEPS MEBIBYTES. Prints "step N SUM" and at last "done SUM"."""
import ctypes
import sys
import time

cuda = ctypes.CDLL("libcuda.so.1")


def must(error, what):
    if error:
        sys.exit(f"{what}: error {error}")


def function(module, name):
    handle = ctypes.c_void_p()
    must(cuda.cuModuleGetFunction(ctypes.byref(handle), module, name), name)
    return handle


def launch(kernel, stream, *parameters):
    pointers = (ctypes.c_void_p * len(parameters))(*(ctypes.addressof(p) for p in parameters))
    must(cuda.cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, stream, pointers, None), "cuLaunchKernel")


def allocate(count):
    address = ctypes.c_uint64()
    must(cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(count)), "cuMemAlloc")
    return address


steps, values = int(sys.argv[1]), int(sys.argv[2]) << 18
context, stream, module = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
must(cuda.cuInit(0), "cuInit")
must(cuda.cuCtxCreate_v2(ctypes.byref(context), 0, 0), "cuCtxCreate")
must(cuda.cuStreamCreate(ctypes.byref(stream), 0), "cuStreamCreate")
must(cuda.cuModuleLoadData(ctypes.byref(module), b"kernels"), "cuModuleLoadData")
sgd_step, checksum = function(module, b"sgd_step"), function(module, b"checksum")
weights, momentum, total = allocate(values * 4), allocate(values * 4), allocate(8)
for memory in weights, momentum:
    must(cuda.cuMemsetD8_v2(memory, ctypes.c_ubyte(0), ctypes.c_size_t(values * 4)), "cuMemsetD8")
count, rate, result = ctypes.c_uint64(values), ctypes.c_float(0.01), ctypes.c_uint64()
for step in range(steps):
    launch(sgd_step, stream, weights, momentum, count, rate, ctypes.c_uint64(step))
    launch(checksum, stream, weights, total, count)
    must(cuda.cuMemcpyDtoH_v2(ctypes.byref(result), total, ctypes.c_size_t(8)), "cuMemcpyDtoH")
    print(f"step {step} {result.value:016x}", flush=True)
    time.sleep(0.005)
print(f"done {result.value:016x}", flush=True)
