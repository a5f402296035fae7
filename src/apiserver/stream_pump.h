#pragma once

#include "async/task.h"
#include "net/stream.h"

namespace insula::apiserver {

/// Passes bytes on until `from` ends or `to` breaks, no faster than `to` takes them; then ends our
/// side of `to`.
Task<> pump(net::Stream& from, net::Stream& to);

}  // namespace insula::apiserver
