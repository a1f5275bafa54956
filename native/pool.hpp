// Threads that share out the pieces of one kernel.
//
// The workers belong to the process: the first job that wants them starts them, they look for work
// for a moment after each job and then sleep. One job has them at a time. A job that comes while
// they are taken, or from inside a piece, is run by its caller alone: it never waits for others.

#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace pullback {

// A function that is called before the expression that names it ends: nothing is copied.
class PieceFunction {
 public:
    template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, PieceFunction>>>
    PieceFunction(F&& f)  // NOLINT: meant to convert
        : context_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
          call_([](void* context, std::int64_t piece) {
              (*static_cast<std::remove_reference_t<F>*>(context))(piece);
          }) {}
    PieceFunction(void* context, void (*call)(void*, std::int64_t))
        : context_(context), call_(call) {}

    void operator()(std::int64_t piece) const {
        call_(context_, piece);
    }
    void* context() const {
        return context_;
    }
    auto call() const {
        return call_;
    }

 private:
    void* context_;
    void (*call_)(void*, std::int64_t);
};

// Runs pieces of work. Which thread runs which piece is left to chance, so a kernel is cut into
// pieces by its shape alone, and what pieces find out is put together in their order.
class Pool {
 public:
    // With this many threads, the caller's own counted; 0: `default_threads`.
    explicit Pool(int threads = 0);

    int threads() const {
        return threads_;
    }

    // f(piece) for every piece from 0; returns when all are done. The caller takes part, and at
    // the end waits only for pieces that a worker has begun. What a piece throws is thrown here
    // once the others are done. A small job is best run by `serial`, or with one piece.
    void run(std::int64_t pieces, PieceFunction f) const {
        if (threads_ == 1 || pieces <= 1) {
            serial(pieces, f);
        } else {
            shared(pieces, f);
        }
    }

    static void serial(std::int64_t pieces, PieceFunction f) {
        for (std::int64_t piece = 0; piece < pieces; ++piece) f(piece);
    }

 private:
    void shared(std::int64_t pieces, PieceFunction f) const;

    int threads_;
};

// The number of threads where none is given: one for each core that this process may use, or what
// was set (0 sets the former again).
int default_threads();
void set_default_threads(int threads);

// How many worker threads this process has at the moment.
int workers();

}  // namespace pullback
