// Reads in the order of their arrival, linked through Read::next: no allocation. Not thread safe.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_READ_QUEUE_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_READ_QUEUE_H_

#include "plugins/common/record_bank/reader.h"

namespace record_bank {

class ReadQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  void Push(Read* read) {
    read->next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = read;
    last_ = read;
  }
  // nullptr when empty.
  Read* Pop() {
    Read* read = first_;
    if (read != nullptr) first_ = read->next;
    return read;
  }

 private:
  Read* first_ = nullptr;
  Read* last_ = nullptr;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_READ_QUEUE_H_
