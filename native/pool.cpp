#include "pool.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define PULLBACK_FORKS
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <system_error>
#include <thread>

#include "cores.hpp"

namespace pullback {

namespace {

constexpr int most_threads = 256;
constexpr std::uint64_t most_pieces = 0xFFFFFFFF;  // of one job: half of the word `claim`
constexpr auto patience = std::chrono::microseconds(300);

thread_local bool inside_a_piece = false;
std::atomic<int> chosen_threads{0};

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    asm volatile("yield");
#endif
}

// Looks again and again for a moment; whether it has come true.
template <class F>
bool soon(F come_true) {
    const auto end = std::chrono::steady_clock::now() + patience;
    do {
        for (int look = 0; look < 32; ++look) {
            if (come_true()) return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return come_true();
}

// The job at hand and who works on it. `claim` holds the job's number (upper half) and its next
// piece (lower half) in one word, so that a worker that read the other fields and then fell asleep
// cannot claim a piece of a later job with them: its exchange fails. The fields are written only
// while no piece is left or running, and after `claim` was closed.
struct Crew {
    std::atomic<bool> taken{false};
    std::atomic<std::uint64_t> claim{0};
    std::atomic<std::uint64_t> pieces{0};
    std::atomic<void*> context{nullptr};
    std::atomic<void (*)(void*, std::int64_t)> call{nullptr};
    std::atomic<int> helpers{0};  // the workers with a lower number take part
    std::atomic<std::uint64_t> done{0};
    std::atomic<int> all_done{0};  // the number of the last job that was finished
    std::atomic<int> called{0};    // the number of the job that workers were woken for
    std::atomic<int> workers{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;

    // In the child of a fork there are no workers and no job, whatever the parent was doing.
    void forget() {
        pieces = 0;
        helpers = 0;
        workers = 0;
        failed = false;
        error = nullptr;
        taken = false;
    }

    // Claims pieces and runs them until none is left.
    void work() {
        for (std::uint64_t now = claim.load(std::memory_order_acquire);;) {
            const std::uint64_t piece = now & most_pieces;
            const std::uint64_t count = pieces.load(std::memory_order_acquire);
            const PieceFunction f(context.load(std::memory_order_acquire),
                                  call.load(std::memory_order_acquire));
            if (piece >= count || piece == most_pieces) return;
            if (!claim.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) continue;
            try {
                f(static_cast<std::int64_t>(piece));
            } catch (...) {
                if (!failed.exchange(true)) error = std::current_exception();
            }
            if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
                all_done.store(static_cast<int>(now >> 32), std::memory_order_release);
                all_done.notify_all();
            }
            now = claim.load(std::memory_order_acquire);
        }
    }

    void live(int number) {
        inside_a_piece = true;  // what a piece runs in its turn, it runs alone
        for (int seen = 0;;) {
            const auto is_called = [&] { return called.load(std::memory_order_acquire) != seen; };
            if (!soon(is_called)) called.wait(seen, std::memory_order_acquire);
            seen = called.load(std::memory_order_acquire);
            if (number < helpers.load(std::memory_order_acquire)) work();
        }
    }

    void hire(int wanted) {
        for (int number = workers.load(); number < wanted; ++number) {
            try {
                std::thread([this, number] { live(number); }).detach();
            } catch (const std::system_error&) {
                return;  // no more threads are to be had: those that there are do the work
            }
            workers = number + 1;
        }
    }
};

Crew& crew() {
    static Crew& only = []() -> Crew& {
        static Crew& made = *new Crew;  // never destroyed: its workers outlive static objects
#ifdef PULLBACK_FORKS
        pthread_atfork(nullptr, nullptr, [] { made.forget(); });
#endif
        return made;
    }();
    return only;
}

}  // namespace

Pool::Pool(int threads)
    : threads_(std::clamp(threads > 0 ? threads : default_threads(), 1, most_threads)) {}

int default_threads() {
    if (const int chosen = chosen_threads.load(); chosen > 0) return chosen;
    static const int cores = std::min(usable_cores(), most_threads);
    return cores;
}

void set_default_threads(int threads) {
    chosen_threads = std::clamp(threads, 0, most_threads);
}

int workers() {
    return crew().workers.load();
}

void Pool::shared(std::int64_t pieces, PieceFunction f) const {
    Crew& all = crew();
    const auto count = static_cast<std::uint64_t>(pieces);
    if (inside_a_piece || count >= most_pieces || all.taken.exchange(true))
        return serial(pieces, f);
    all.hire(threads_ - 1);
    const std::uint64_t job = ((all.claim.load() >> 32) + 1) & most_pieces;
    all.claim.store(job << 32 | most_pieces, std::memory_order_release);  // closed
    all.done.store(0, std::memory_order_release);
    all.pieces.store(count, std::memory_order_release);
    all.context.store(f.context(), std::memory_order_release);
    all.call.store(f.call(), std::memory_order_release);
    all.helpers.store(threads_ - 1, std::memory_order_release);
    all.claim.store(job << 32, std::memory_order_release);
    all.called.store(static_cast<int>(job), std::memory_order_release);
    all.called.notify_all();

    inside_a_piece = true;
    all.work();
    inside_a_piece = false;

    const int number = static_cast<int>(job);
    const auto is_done = [&] { return all.all_done.load(std::memory_order_acquire) == number; };
    if (!soon(is_done)) {
        for (int old = all.all_done.load(); !is_done(); old = all.all_done.load()) {
            all.all_done.wait(old, std::memory_order_acquire);
        }
    }
    std::exception_ptr error;
    if (all.failed.exchange(false)) std::swap(error, all.error);
    all.taken.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(error);
}

}  // namespace pullback
