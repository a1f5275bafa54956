// Passes over an array whose axes are in two groups: folds, and what is made of every number.
//
// An operation such as softmax is written once, as passes. Where the numbers of a group lie side
// by side, several groups that fit into the cache go through all passes together, on one thread;
// otherwise each pass goes through the whole array, on all threads.

#pragma once

#include "columns.hpp"

namespace pullback::PULLBACK_ISA {

// What the passes over an array know of it beforehand.
struct Passable {
    Plan plan;
    Widening widening;

    explicit Passable(const Plan& plan) : plan(plan), widening(plan) {}
};

template <class T>
class Passes {
 public:
    Passes(const Passable& of, Pool* pool, Room& room)
        : plan_(of.plan), widening_(of.widening), pool_(pool), end_(of.plan.groups) {
        Index partial = 0;
        if (widening_.beside > 1) {
            partial = pieces(widening_.wide) * widening_.wide.groups +
                      pieces(widening_.rest) * plan_.groups;
            repeated_ = room.take<T>(3 * widened);
        } else if (plan_.columns && pieces(plan_) > 1) {
            partial = pieces(plan_) * plan_.groups;
        } else if (!plan_.columns && segments() > 1) {
            partial = segments() * plan_.groups;
        }
        partial_ = room.take<T>(partial);
    }

    Index begin() const {
        return begin_;
    }
    Index end() const {
        return end_;
    }
    const Plan& plan() const {
        return plan_;
    }

    // f(passes) on the groups, in shares if each group fits into the cache.
    template <class F>
    void each(F f) const {
        if (plan_.columns || plan_.count > share) return f(*this);
        in_shares(pool_, plan_.groups, plan_.count, [&](Index begin, Index end) {
            Passes some = *this;
            some.begin_ = begin, some.end_ = end, some.pool_ = nullptr;
            f(some);
        });
    }

    // out[k] for every group k.
    template <class Map, class Combine>
    void fold(const Operands<T>& x, T* out) const {
        if (!plan_.columns) return fold_into<Map, Combine>(x, out);
        if (plan_.count == 0) {
            std::fill(out, out + plan_.groups, Combine::template identity<T>);
        } else if (widening_.beside > 1) {
            fold_widened<Map, Combine>(x, out);
        } else if (pieces(plan_) == 1) {
            fold_pieces<Map, Combine>(plan_, x, pool_, out, plan_.groups);
        } else {
            fold_pieces<Map, Combine>(plan_, x, pool_, partial_, plan_.groups);
            fold_in_pairs<Combine>(partial_, pieces(plan_), plan_.groups);
            std::copy(partial_, partial_ + plan_.groups, out);
        }
    }

    // y of every number, which lies as the inputs do; y may be one of them.
    template <class Map>
    void apply(const Operands<T>& x, T* y) const {
        if (!plan_.columns) return apply_lines<Map>(x, y);
        if (widening_.beside == 1) return apply_rows<Map>(plan_, x, y);
        apply_rows<Map>(widening_.wide, repeated<Map>(x), y);
        const Index from = widening_.rest_from;
        apply_rows<Map>(widening_.rest, moved<Map>(x, from), y + from);
    }

    // The first number of every group, 0 where there is none.
    void first(const T* x, T* out) const {
        for (Index k = begin_; k < end_; ++k) {
            out[k] = plan_.count > 0 ? x[plan_.kept.offset(k)] : T(0);
        }
    }

 private:
    static constexpr Index segment = share / piece;  // pieces that a thread takes at once

    static Index pieces(const Plan& plan) {
        return (plan.count + row_piece - 1) / row_piece;
    }
    Index line_pieces() const {
        const Index n = plan_.reduced.length();
        return n == 0 ? 0 : plan_.count / n * ((n + piece - 1) / piece);
    }
    Index segments() const {
        return (line_pieces() + segment - 1) / segment;
    }

    template <class Map, class Combine>
    void fold_into(const Operands<T>& x, T* out) const {
        const Index parts = segments();
        if (parts <= 1 || pool_ == nullptr) {
            return in_shares(pool_, end_ - begin_, plan_.count, [&](Index first, Index last) {
                fold_lines<Map, Combine>(plan_, x, begin_ + first, begin_ + last, out);
            });
        }
        pool_->run(plan_.groups * parts, [&](Index i) {
            const Index first = i % parts * segment;
            const Index last = std::min(first + segment, line_pieces());
            partial_[i] = fold_line<Map, Combine>(plan_, x, i / parts, first, last);
        });
        for (Index k = 0; k < plan_.groups; ++k) {
            Pairwise<Combine, T> sum;
            for (Index i = 0; i < parts; ++i) sum.add(partial_[k * parts + i]);
            out[k] = sum.total();
        }
    }

    template <class Map, class Combine>
    void fold_widened(const Operands<T>& x, T* out) const {
        const Plan &wide = widening_.wide, &rest = widening_.rest;
        fold_pieces<Map, Combine>(wide, repeated<Map>(x), pool_, partial_, wide.groups);
        fold_in_pairs<Combine>(partial_, pieces(wide), wide.groups);
        fold_in_pairs<Combine>(partial_, widening_.beside, plan_.groups);
        std::copy(partial_, partial_ + plan_.groups, out);
        if (rest.count == 0) return;
        T* other = partial_ + pieces(wide) * wide.groups;
        fold_pieces<Map, Combine>(rest, moved<Map>(x, widening_.rest_from), nullptr, other,
                                  rest.groups);
        fold_in_pairs<Combine>(other, pieces(rest), rest.groups);
        for (Index k = 0; k < plan_.groups; ++k) out[k] = Combine{}(out[k], other[k]);
    }

    // The groups' numbers, once for every narrow row of a wide one.
    template <class Map>
    Operands<T> repeated(Operands<T> x) const {
        const T** given[] = {&x.p, &x.q, &x.r};
        for (int i = 0; i < Map::groups; ++i) {
            T* copies = repeated_ + i * widened;
            for (Index at = 0; at < widening_.wide.groups; ++at) {
                copies[at] = (*given[i])[at % plan_.groups];
            }
            *given[i] = copies;
        }
        return x;
    }

    template <class Map>
    static Operands<T> moved(Operands<T> x, Index by) {
        x.a += by;
        if (Map::inputs > 1) x.b += by;
        return x;
    }

    template <class Map>
    void apply_rows(const Plan& plan, const Operands<T>& x, T* y) const {
        const Index width = plan.kept.length();
        const Axes outer = plan.kept.outer();
        in_shares(pool_, outer.size() * plan.count, width, [&](Index begin, Index end) {
            for (Index i = begin; i < end; ++i) {
                const Index o = i / plan.count, k = o * width;
                const Index place = outer.offset(o) + plan.reduced.offset(i % plan.count);
#pragma GCC ivdep
                for (Index c = 0; c < width; ++c) {
                    y[place + c] = Map{}.far(near_of<Map>(x, place + c, k + c));
                }
            }
        });
    }

    template <class Map>
    void apply_lines(const Operands<T>& x, T* y) const {
        const Index n = plan_.reduced.length(), stride = plan_.reduced.stride();
        if (n == 0) return;
        const Axes runs = plan_.reduced.outer();
        const Index many = plan_.count / n, parts = (n + share - 1) / share;
        const bool flat = stride == 1 && many == 1 && parts == 1 && plan_.kept.count <= 1 &&
                          (plan_.kept.count == 0 || plan_.kept.stride() == n);
        if (flat) return apply_flat<Map>(x, y);
        in_shares(pool_, (end_ - begin_) * many * parts, n, [&](Index from, Index to) {
            for (Index i = from; i < to; ++i) {
                const Index k = begin_ + i / (many * parts), first = i % parts * share;
                const Index place = plan_.kept.offset(k) + runs.offset(i / parts % many) + first;
                const Index length = std::min(n - first, share);
                near_run<Map>(x, k, place, 1, length, y + place);
                far_run<Map>(y + place, length);
            }
        });
    }

    // Lines one behind the other: `far` takes all of them at once.
    template <class Map>
    void apply_flat(const Operands<T>& x, T* y) const {
        const Index n = plan_.count;
        in_shares(pool_, end_ - begin_, n, [&](Index from, Index to) {
            for (Index k = begin_ + from; k < begin_ + to; ++k) {
                near_run<Map>(x, k, k * n, 1, n, y + k * n);
            }
            far_run<Map>(y + (begin_ + from) * n, (to - from) * n);
        });
    }

    const Plan& plan_;
    const Widening& widening_;
    Pool* pool_;
    T* partial_ = nullptr;
    T* repeated_ = nullptr;
    Index begin_ = 0, end_ = 0;
};

}  // namespace pullback::PULLBACK_ISA
