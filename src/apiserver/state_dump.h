#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/journal.h"
#include "store/store.h"

namespace insula::apiserver {

/// Where the API server gives its state as a StateDump, to those who may read this path.
inline constexpr std::string_view kStateDumpPath = "/insula/backup";

/// How far a restored store begins after the revision of the dump. Whoever has seen a revision that
/// the restored store does not know is told to list anew, and none of them is given out again.
inline constexpr store::Revision kRevisionGap = 1'000'000'000;

/// All that a store has at one moment, as JSON lines: one that says of which revision, one for each
/// object as it is stored, and one with their number, without which the dump is not whole.
///
///   {"format":1,"revision":812}
///   {"key":"configmaps/default/a","revision":7,"value":"{\"kind\": ...}"}
///   {"count":1}
///
/// Holds the versions that it dumps; writes go on meanwhile. Lifetime: the store may end before it.
class StateDump {
 public:
  explicit StateDump(const store::Store& store);

  /// The next lines, some 256 KiB of them; empty at the end.
  [[nodiscard]] std::string next();

 private:
  store::Revision revision_ = 0;
  std::vector<store::EntryPtr> entries_;
  std::size_t at_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

/// What a dump says.
struct DumpedState {
  store::Revision revision = 0;
  std::vector<store::EntryPtr> entries;  // ascending revision
};

/// Errors: kInvalid, with the line, for what is no dump or only the beginning of one.
[[nodiscard]] Result<DumpedState> read_state_dump(std::string_view text);

/// Fills a new journal so that a store over it has this state, and continues kRevisionGap later.
/// Errors: the journal's; kConflict when it is not empty.
[[nodiscard]] Result<> restore_state(const DumpedState& state, store::Journal& journal);

}  // namespace insula::apiserver
