#pragma once

#include <nghttp2/nghttp2.h>

namespace insula::http {

/// Memory for libnghttp2, which takes and gives back some dozens of small blocks a request: from
/// the thread's pool of coroutine frames, which are as small and live as long.
///
/// Threads: a block is given back by any thread. Running out of memory ends the process.
[[nodiscard]] nghttp2_mem* http2_memory();

}  // namespace insula::http
