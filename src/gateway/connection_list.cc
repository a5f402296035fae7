#include "gateway/connection_list.h"

#include <sys/socket.h>

namespace insula::gateway {

ConnectionList::Place::Place(ConnectionList& list, int fd)
    : list_(list), entry_(list.waiting_.insert(list.waiting_.end(), {.fd = fd, .waits = true})) {}

ConnectionList::Place::~Place() {
  if (entry_->ended) --list_.ended_;
  (entry_->waits ? list_.waiting_ : list_.busy_).erase(entry_);
}

void ConnectionList::Place::set_waiting(bool waits) {
  if (waits == entry_->waits || entry_->ended) return;
  entry_->waits = waits;
  std::list<Entry>& from = waits ? list_.busy_ : list_.waiting_;
  std::list<Entry>& to = waits ? list_.waiting_ : list_.busy_;
  to.splice(to.end(), from, entry_);
}

bool ConnectionList::end_longest_waiting() {
  if (waiting_.empty()) return false;
  Entry& longest = waiting_.front();
  // Its task finds it closed, as when the client had left.
  ::shutdown(longest.fd, SHUT_RDWR);
  longest.waits = false;
  longest.ended = true;
  ++ended_;
  busy_.splice(busy_.end(), waiting_, waiting_.begin());
  return true;
}

}  // namespace insula::gateway
