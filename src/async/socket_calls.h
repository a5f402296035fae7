#pragma once

#include <span>
#include <string_view>

#include <sys/types.h>

namespace insula {

// The kernel's calls on a connected, non-blocking socket, as recv(2) and send(2) but for EINTR,
// which is tried again. Straight to the kernel: the C library's are points where a thread may be
// cancelled, which costs a process with threads a tenth of a microsecond each.

ssize_t receive_now(int fd, std::span<char> buffer);

/// What is returned stays there.
ssize_t peek_now(int fd, std::span<char> buffer);

/// The second part follows the first. Raises no SIGPIPE.
ssize_t send_now(int fd, std::string_view first, std::string_view second = {});

}  // namespace insula
