// The installed C++ header compiles where it was installed, and works with the library beside it.
#include <msb.hpp>

#include <cstdio>

int main() {
    std::puts(msb_version());
    return msb_abi_version() == MSB_ABI_VERSION ? 0 : 1;
}
