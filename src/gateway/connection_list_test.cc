#include "gateway/connection_list.h"

#include <array>
#include <memory>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace insula::gateway {
namespace {

/// A connection with a place in the list, and the client's end of it.
class Client {
 public:
  explicit Client(ConnectionList& list) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0);
    place = std::make_unique<ConnectionList::Place>(list, ends_[0]);
  }

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  ~Client() {
    place.reset();
    for (const int fd : ends_)
      ::close(fd);
  }

  [[nodiscard]] bool sees_the_end() const {
    char byte = 0;
    return ::recv(ends_[1], &byte, 1, MSG_DONTWAIT) == 0;
  }

  std::unique_ptr<ConnectionList::Place> place;

 private:
  std::array<int, 2> ends_{};
};

TEST(ConnectionList, EndsTheOneThatHasWaitedLongest) {
  ConnectionList list;
  Client first(list);
  Client second(list);
  Client third(list);
  first.place->set_waiting(false);
  first.place->set_waiting(true);  // Its turn comes anew.
  second.place->set_waiting(true);
  ASSERT_TRUE(list.end_longest_waiting());
  EXPECT_TRUE(second.sees_the_end());
  EXPECT_TRUE(second.place->ended());
  ASSERT_TRUE(list.end_longest_waiting());
  EXPECT_TRUE(third.sees_the_end());
  EXPECT_FALSE(first.sees_the_end());
  EXPECT_FALSE(first.place->ended());
}

TEST(ConnectionList, EndsNoneThatIsWorkedForAndNoneTwice) {
  ConnectionList list;
  Client busy(list);
  Client ended(list);
  busy.place->set_waiting(false);
  ASSERT_TRUE(list.end_longest_waiting());
  ended.place->set_waiting(true);
  EXPECT_FALSE(list.end_longest_waiting());
  EXPECT_FALSE(busy.sees_the_end());
}

TEST(ConnectionList, DoesNotCountWhatItHasEnded) {
  ConnectionList list;
  Client stays(list);
  {
    Client ended(list);
    stays.place->set_waiting(false);
    EXPECT_EQ(list.size(), 2);
    ASSERT_TRUE(list.end_longest_waiting());
    EXPECT_EQ(list.size(), 1);
  }
  EXPECT_EQ(list.size(), 1);
}

}  // namespace
}  // namespace insula::gateway
