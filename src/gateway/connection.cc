#include "gateway/connection.h"

namespace insula::gateway {

std::string address_of(const net::Stream& client) {
  return client.peer().is_unix() ? "unix" : client.peer().host();
}

}  // namespace insula::gateway
