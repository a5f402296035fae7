#include "gateway/upstream_pool.h"

#include <array>
#include <set>
#include <unordered_set>
#include <utility>

namespace insula::gateway {
namespace {

/// An end, an error or bytes that nobody asked for: the next reply could not be told from them.
/// Costs no system call while nothing has happened on the connection.
bool is_stale(net::Stream& stream) {
  std::array<char, 1> byte{};
  return stream.hung_up() || stream.try_read(byte).has_value();
}

}  // namespace

Task<Result<std::unique_ptr<net::Stream>>> UpstreamPool::connect(const Endpoint& endpoint,
                                                                 Deadline deadline) {
  const EndpointTls& tls = endpoint.tls;
  auto dialed = co_await net::dial(endpoint.address, deadline);
  if (!dialed || tls.context == nullptr) co_return dialed;
  TlsSessions& sessions = tls_sessions_[{endpoint.text, tls.context.get()}];
  if (sessions.latest == nullptr) sessions = {tls.context, std::make_shared<net::TlsResumption>()};
  std::shared_ptr<net::TlsResumption> resumption = sessions.latest;
  co_return co_await net::tls_connect(tls.context, *std::move(dialed), tls.server_name, deadline,
                                      std::move(resumption));
}

std::unique_ptr<net::Stream> UpstreamPool::take(const Endpoint& endpoint) {
  const auto found = idle_.find(&endpoint);
  if (found == idle_.end()) return nullptr;
  auto& streams = found->second;
  while (!streams.empty()) {
    std::unique_ptr<net::Stream> stream = std::move(streams.back().stream);
    streams.pop_back();
    --size_;
    if (!is_stale(*stream)) return stream;
  }
  return nullptr;
}

void UpstreamPool::give(const Endpoint& endpoint,
                        std::unique_ptr<net::Stream> stream,
                        SteadyTime now) {
  if (size_ >= kIdleMax || is_stale(*stream)) return;
  idle_[&endpoint].push_back({std::move(stream), now});
  ++size_;
}

void UpstreamPool::sweep(SteadyTime now) {
  for (auto& [endpoint, streams] : idle_) {
    size_ -= std::erase_if(streams, [&](Idle& idle) {
      return now - idle.since >= kIdleTime || is_stale(*idle.stream);
    });
  }
}

void UpstreamPool::keep_only(const Snapshot& snapshot) {
  std::unordered_set<const Endpoint*> known;
  std::set<TlsPeerKey> secured;
  for (const auto& [name, tenant] : snapshot.tenants) {
    tenant.for_each_backend([&](const Backend& backend) {
      for (const auto& endpoint : backend.endpoints) {
        known.insert(endpoint.get());
        if (endpoint->tls.context != nullptr)
          secured.emplace(endpoint->text, endpoint->tls.context.get());
      }
    });
  }
  snapshot.sites.for_each([&](const Site& site) {
    for (const Site::RoutePtr& route : site.routes()) {
      for (const SiteBackend& one : route->backends) {
        for (const auto& endpoint : one.backend.endpoints)
          known.insert(endpoint.get());
      }
    }
  });
  std::erase_if(tls_sessions_, [&](const auto& entry) { return !secured.contains(entry.first); });
  std::erase_if(idle_, [&](const auto& entry) {
    if (known.contains(entry.first)) return false;
    size_ -= entry.second.size();
    return true;
  });
}

}  // namespace insula::gateway
