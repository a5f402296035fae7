#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "async/event.h"
#include "async/loop.h"
#include "http/client.h"
#include "http/server.h"
#include "net/listener.h"

namespace insula::http {

/// What the tests of this library talk to: each path is one way to answer.
class TestService final : public Handler {
 public:
  Task<> handle(Exchange& exchange) override;

  Event waiting;           // set when /hold or /wait has begun
  Event release;           // lets /hold answer
  Event client_left;       // set when the client of /wait has gone
  std::string body_error;  // of /echo
  std::string last_method;
  int calls = 0;

 private:
  Task<> echo(Exchange& exchange);
  Task<> stream(Exchange& exchange);
  Task<> hold(Exchange& exchange);
};

/// A TestService on a loopback port of its own.
struct TestServer {
  explicit TestServer(Loop& loop, ServerOptions options = {});

  [[nodiscard]] Origin origin() const { return {address, "test.example", false}; }

  TestService service;
  Server server;
  net::Address address;
};

/// Sends `text` as it is and returns everything that comes back until the server closes.
Task<std::string> talk(net::Address address, std::string text);

/// Far away for loopback, near enough to end a test that hangs.
Deadline soon();

}  // namespace insula::http
