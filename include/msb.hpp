// msb.hpp: microVM sandboxes for C++17 and later. Headers only, over the C functions of msb.h, which say more about each one.
//
//   auto backend = msb::backend::create();
//   auto box = msb::sandbox::create(*backend, msb::sandbox_config("demo").image("/path/to/root"));
//   if (!box) return print(box.error().message());
//
// Objects own what they stand for and are moved, never copied; their destructors let go of it without waiting. `get()` lends the
// C handle or pointer, `release()` gives it away. What can fail gives an `msb::result`, which must be looked at. Functions are
// `const` where the C functions may be called by any thread at any time: of handles, all of them. Configurations, infos and
// pages are for one thread at a time.
//
// Text and bytes given as arguments are used during the call only. Views that are returned live as long as the object that
// returned them. Works with -fno-exceptions and -fno-rtti; see MSB_HPP_EXCEPTIONS in msb/result.hpp.
#ifndef MSB_HPP
#define MSB_HPP

#include <msb/backend.hpp>
#include <msb/dispatcher.hpp>
#include <msb/exec.hpp>
#include <msb/file.hpp>
#include <msb/image.hpp>
#include <msb/queue.hpp>
#include <msb/sandbox.hpp>
#include <msb/storage.hpp>
#include <msb/volume.hpp>

#endif
