#pragma once

#include <chrono>

namespace insula::net {

/// Has the kernel break a TCP connection whose other end is gone without a word, with its network:
/// who only reads would wait for it for ever, who only writes for a quarter of an hour. Once
/// nothing has been heard for `silence` the kernel asks (RFC 9293, 3.8.4), three times, ten seconds
/// apart; what was sent and is not confirmed has as much time (RFC 5482). A client that is there
/// and does not read is not meant: it confirms that it cannot take more. Of a listening socket: for
/// every connection that it accepts. Does nothing to a socket that is not TCP's.
void keep_alive(int fd, std::chrono::seconds silence);

}  // namespace insula::net
