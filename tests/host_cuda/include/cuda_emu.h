// CUDA C++ on the CPU, for tests: the language, its threads and its device functions, in the order they need each other.
//
// Blocks run one after another.  Every CUDA thread of a block is a fiber; a warp is 32 consecutive ones.  A fiber runs
// until it meets __syncthreads() or a warp collective, so a missing barrier gives another answer when the threads are
// stepped in another order.
#pragma once
#define __CUDA_EMU__ 1
#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "emu/language.h"
#include "emu/sanitizers.h"
#include "emu/fiber.h"
#include "emu/scheduler.h"
#include "emu/faults.h"
#include "emu/warp.h"
#include "emu/launch.h"
#include "emu/synchronisation.h"
#include "emu/memory.h"
#include "emu/arithmetic.h"
