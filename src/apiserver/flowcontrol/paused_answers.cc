#include "apiserver/flowcontrol/paused_answers.h"

#include "async/loop.h"

namespace insula::apiserver {

bool PausedAnswers::empty() {
  // Answers leave their lists by themselves when their clients go.
  std::erase_if(flows_, [](const auto& flow) { return flow.second.empty(); });
  return flows_.empty();
}

void PausedAnswers::resume_next() {
  if (empty()) return;
  auto next = flows_.upper_bound(last_);
  if (next == flows_.end()) next = flows_.begin();
  last_ = next->first;
  Loop::current().make_ready(*next->second.pop_front());
}

}  // namespace insula::apiserver
