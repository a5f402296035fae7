#pragma once

#include <cstddef>
#include <list>

namespace insula::gateway {

class Connection;

/// The connections of a worker. Those that nobody works for, since their clients have yet to say
/// what they want, are kept in the order in which they began to wait: the first of them is ended
/// when there is no room for another one. So many slow or silent clients keep nobody out.
///
/// Threads: the worker's loop.
class ConnectionList {
  struct Entry {
    int fd = -1;
    Connection* connection = nullptr;  // null during the TLS handshake
    bool waits = false;
    bool ended = false;
  };

 public:
  /// A connection's entry for as long as it lives. It waits at first.
  ///
  /// Lifetime: the list outlives it; the descriptor is open until its connection's task ends.
  class Place {
   public:
    Place(ConnectionList& list, int fd);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

    void set(Connection* connection) { entry_->connection = connection; }

    /// The connection waits for its client, and nobody would miss it; or not any more. Again while
    /// it does: it keeps its turn. Cost: nothing is allocated.
    void set_waiting(bool waits);

    /// It was ended; what may still be read of it is nobody's business any more.
    [[nodiscard]] bool ended() const { return entry_->ended; }

   private:
    ConnectionList& list_;
    std::list<Entry>::iterator entry_;
  };

  /// Those that were not ended.
  [[nodiscard]] std::size_t size() const { return busy_.size() + waiting_.size() - ended_; }

  /// Ends the connection that has waited longest, which is gone soon. False when none waits.
  [[nodiscard]] bool end_longest_waiting();

  /// Calls `f` with each connection, whose entries must stay meanwhile.
  template <class F>
  void for_each(F f) const {
    for (const std::list<Entry>* entries : {&busy_, &waiting_}) {
      for (const Entry& entry : *entries) {
        if (entry.connection != nullptr) f(*entry.connection);
      }
    }
  }

 private:
  std::list<Entry> busy_;
  std::list<Entry> waiting_;
  std::size_t ended_ = 0;
};

}  // namespace insula::gateway
