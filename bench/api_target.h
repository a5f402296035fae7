#pragma once

#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "http/client.h"
#include "net/tls.h"

namespace insula {

/// A Kubernetes API server and who asks it, as the command line of a load program says.
struct ApiTarget {
  std::string server;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;

  void add_options(CLI::App& app) {
    app.add_option("--server", server, "https://IP:PORT")->required();
    app.add_option("--ca", ca_file, "PEM of the server's authority")->required();
    app.add_option("--cert", certificate_file, "PEM of the client certificate")->required();
    app.add_option("--key", key_file, "PEM of its key")->required();
  }

  [[nodiscard]] Result<http::Origin> origin() const { return http::Origin::parse(server); }

  /// A client of up to so many connections that are kept.
  [[nodiscard]] Result<std::unique_ptr<http::Client>> client(std::size_t connections) const {
    INSULA_TRY(auto tls, net::TlsContext::client({.ca = read_file(ca_file),
                                                  .certificate_chain = read_file(certificate_file),
                                                  .private_key = read_file(key_file)}));
    return std::make_unique<http::Client>(http::ClientOptions{
        .tls = tls, .connections_per_origin = connections, .idle_per_origin = connections});
  }

 private:
  static std::string read_file(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

/// 0 of nothing.
inline double milliseconds(const std::vector<std::chrono::nanoseconds>& sorted, double quantile) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<std::size_t>(quantile * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::milli>(sorted[index]).count();
}

}  // namespace insula
