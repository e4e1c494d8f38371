/* What the test jobs use of libcuda.so.1. */
#ifndef FERRY_STANDIN_DRIVER_H
#define FERRY_STANDIN_DRIVER_H
#include <stddef.h>
#include <stdint.h>
typedef uint64_t device_pointer;
int cuInit(unsigned flags);
int cuDeviceGetCount(int *count);
int cuCtxCreate_v2(void **context, unsigned flags, int device);
int cuCtxSetCurrent(void *context);
int cuCtxSynchronize(void);
int cuStreamCreate(void **stream, unsigned flags);
int cuMemAlloc_v2(device_pointer *address, size_t bytes);
int cuMemAllocManaged(device_pointer *address, size_t bytes, unsigned flags);
int cuMemcpyHtoD_v2(device_pointer to, const void *from, size_t bytes);
int cuMemcpyDtoH_v2(void *to, device_pointer from, size_t bytes);
int cuModuleLoadData(void **module, const void *image);
int cuModuleGetFunction(void **function, void *module, const char *name);
int cuLaunchKernel(void *function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *stream, void **parameters, void **extra);
int cuIpcGetMemHandle(void *handle, device_pointer address);
int cuMulticastCreate(uint64_t *handle, const void *properties);
int cuMemExportToShareableHandle(void *handle, uint64_t memory, int type, uint64_t flags);
#endif
