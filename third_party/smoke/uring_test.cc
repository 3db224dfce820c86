#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace {

TEST(UringTest, ReadsTwoRangesOfAFile) {
  io_uring ring;
  const int refused = io_uring_queue_init(8, &ring, 0);
  if (refused == -ENOSYS || refused == -EPERM || refused == -EACCES || refused == -ENOMEM) {
    GTEST_SKIP() << "the kernel refuses io_uring: " << std::strerror(-refused);
  }
  ASSERT_EQ(refused, 0) << std::strerror(-refused);

  const std::string path = testing::TempDir() + "uring_test_file";
  FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(12u, std::fwrite("gate up down", 1, 12, file));
  std::fclose(file);
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0) << std::strerror(errno);

  char up[2] = {};
  char down[4] = {};
  io_uring_sqe* entry = io_uring_get_sqe(&ring);
  io_uring_prep_read(entry, descriptor, up, sizeof(up), 5);
  io_uring_sqe_set_data64(entry, 1);
  entry = io_uring_get_sqe(&ring);
  io_uring_prep_read(entry, descriptor, down, sizeof(down), 8);
  io_uring_sqe_set_data64(entry, 2);
  ASSERT_EQ(2, io_uring_submit_and_wait(&ring, 2));
  int result[3] = {};
  for (int i = 0; i < 2; i++) {
    io_uring_cqe* completion = nullptr;
    ASSERT_EQ(0, io_uring_wait_cqe(&ring, &completion));
    const uint64_t id = io_uring_cqe_get_data64(completion);
    ASSERT_LE(id, 2u);
    result[id] = completion->res;
    io_uring_cqe_seen(&ring, completion);
  }
  EXPECT_EQ(result[1], 2);
  EXPECT_EQ(result[2], 4);
  EXPECT_EQ(std::string(up, 2), "up");
  EXPECT_EQ(std::string(down, 4), "down");
  close(descriptor);
  io_uring_queue_exit(&ring);
}

}  // namespace
