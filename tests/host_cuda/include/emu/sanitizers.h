// What AddressSanitizer and ThreadSanitizer are told; nothing in an ordinary build.
#pragma once

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef __SANITIZE_THREAD__  // the race detector: every CUDA thread is a fiber of its own to it
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
}
#define EMU_UNSEEN __attribute__((no_sanitize("thread")))  // the emulator's own memory, which needs no barriers
#define EMU_RELEASE(place) __tsan_release(place)
#define EMU_ACQUIRE(place) __tsan_acquire(place)
#define EMU_IGNORE_BEGIN() (AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define EMU_IGNORE_END() (AnnotateIgnoreReadsEnd(__FILE__, __LINE__), AnnotateIgnoreWritesEnd(__FILE__, __LINE__))
#else
#define EMU_UNSEEN
#define EMU_RELEASE(place) ((void)0)
#define EMU_ACQUIRE(place) ((void)0)
#define EMU_IGNORE_BEGIN() ((void)0)
#define EMU_IGNORE_END() ((void)0)
#endif
