#pragma once

namespace insula::gateway {

/// Lets go of the pages of code and constants that only the start has used: they are clean copies
/// of files, and whichever is needed again is mapped again from the page cache. Also returns freed
/// heap to the kernel. For a process that has finished starting and will run for a long time.
void release_startup_pages();

}  // namespace insula::gateway
