package main

// #cgo noescape msb_bench_nothing
// #cgo nocallback msb_bench_nothing
// __attribute__((noinline)) static const char *msb_bench_nothing(void) {
//     __asm__ volatile("");
//     return "";
// }
import "C"

// nothing is the least that a call of C can cost.
func nothing() { C.msb_bench_nothing() }
