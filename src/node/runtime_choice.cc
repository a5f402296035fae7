#include "node/runtime_choice.h"

#include "node/process_runtime.h"

namespace insula::node {

Task<Result<std::unique_ptr<Runtime>>> choose_runtime(const NodeOptions& options, BlockingPool& pool, Log log) {
  static_cast<void>(pool);
  static_cast<void>(log);
  co_return std::make_unique<ProcessRuntime>(options.binary, "asked for by --runtime process");
}

}  // namespace insula::node
