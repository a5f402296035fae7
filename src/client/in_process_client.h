#pragma once

#include <memory>
#include <string>

#include "apiserver/registry.h"
#include "apiserver/user.h"
#include "client/client.h"

namespace insula::client {

/// Client of a registry in the same process: the control plane's own controllers. Behaves as
/// HttpClient does against that server, but for authorisation: who holds the registry may do
/// everything.
///
/// Lists and watches share the server's structs. Lifetime: the registry outlives it.
/// Threads: the store's loop.
class InProcessClient final : public Client {
 public:
  /// `user`: in whose name objects are written.
  explicit InProcessClient(apiserver::Registry& registry,
                           apiserver::User user = apiserver::system_user());

  Task<Result<std::string>> get(Target target) override;
  Task<Result<std::string>> list(Target target, ListOptions options) override;
  Task<Result<Page>> page(Target target, ListOptions options) override;
  Task<Result<std::unique_ptr<WatchStream>>> watch(Target target, WatchOptions options) override;
  Task<Result<std::string>> create(Target target,
                                   std::string object,
                                   WriteOptions options) override;
  Task<Result<std::string>> update(Target target,
                                   std::string object,
                                   WriteOptions options) override;
  Task<Result<std::string>> patch(Target target,
                                  PatchType type,
                                  std::string body,
                                  WriteOptions options) override;
  Task<Result<std::string>> remove(Target target, DeleteOptions options) override;
  Task<Result<std::string>> remove_collection(Target target,
                                              DeleteOptions options,
                                              ListOptions select) override;

 private:
  [[nodiscard]] apiserver::WriteContext context(const WriteOptions& options) const;

  apiserver::Registry& registry_;
  apiserver::User user_;
};

}  // namespace insula::client
