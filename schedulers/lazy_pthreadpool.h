// A pthreadpool for kernels that thread by themselves (XNNPACK's), made when the first one asks.
#ifndef KINGLET_SCHEDULERS_LAZY_PTHREADPOOL_H_
#define KINGLET_SCHEDULERS_LAZY_PTHREADPOOL_H_

namespace kinglet {

// One thread at a time.
class LazyPthreadpool {
 public:
  explicit LazyPthreadpool(int thread_count) : thread_count_(thread_count) {}
  ~LazyPthreadpool();
  LazyPthreadpool(const LazyPthreadpool&) = delete;
  LazyPthreadpool& operator=(const LazyPthreadpool&) = delete;

  // pthreadpool_t; NULL for one thread, in a build without the library, or when the system refuses
  // the threads: callers then run on their own thread.
  void* Get();

  // Sends its threads to sleep. Left alone, they spin for milliseconds after their last job.
  void Quiet();

 private:
  const int thread_count_;
  bool asked_ = false;
  void* pool_ = nullptr;
};

}  // namespace kinglet

#endif  // KINGLET_SCHEDULERS_LAZY_PTHREADPOOL_H_
