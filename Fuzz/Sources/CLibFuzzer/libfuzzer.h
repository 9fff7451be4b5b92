#pragma once
#include <stddef.h>
#include <stdint.h>

/// Reads libFuzzer's options from the arguments and calls `run` with one input after the other, until the time is up or
/// an input fails (https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library). Returns the exit status.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t size));
