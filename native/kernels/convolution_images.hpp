// A convolution as products whose columns are images (images.hpp): for every position of the
// output a product of its own, of the taps that see the image there.
//
// The batch is turned first; then units of lines are computed, each turned back while it is in
// cache.

#pragma once

#include "../flushing.hpp"
#include "convolution_strips.hpp"
#include "image_tile.hpp"
#include "images.hpp"
#include "patch.hpp"
#include "run_list.hpp"

namespace pullback::PULLBACK_ISA {

// About as many channels in each strip.
inline Index image_strip(Index outer) {
    return ceiling(outer, std::max<Index>(ceiling(outer, image_rows), 1));
}

constexpr Index most_turned_bytes = 1 << 24;  // at once

template <class T>
class ImageConvolution {
 public:
    // packed: where `workspace` says there is room; null to ask for that.
    ImageConvolution(const Convolving& of, std::byte* workspace, Epilogue epilogue)
        : of_(of),
          room_{workspace},
          strips_(of, nullptr, image_strip(of.outer())),
          epilogue_(epilogue),
          parts_(parts_of(of)),
          inner_(of.inner()),
          outer_(of.outer()),
          blocks_(of.from.shape[0], image_vectors(static_cast<int>(strips_.width()))) {
        const int rank = of.from.axes - 2;
        for (int axis = 0; axis < rank; ++axis) {
            from_[most_space - rank + axis] = of.from.shape[axis + 1];
            to_[most_space - rank + axis] = of.to.shape[axis + 1];
        }
        from_size_ = from_[0] * from_[1] * from_[2] * inner_ * of.groups;
        to_size_ = to_[0] * to_[1] * to_[2] * outer_ * of.groups;
        strips_ = Strips<T>(of, room_.take<T>(strips_.size()), strips_.width());
        turned_ = room_.take<T>(together() * widest() * from_size_);
    }

    std::size_t bytes() const {
        return room_.used;
    }

    void run(const T* from, const Pool& pool) const {
        strips_.pack(parts_, pool);
        for (Index first = 0; first < blocks_.count; first += together()) {
            const Index count = std::min(together(), blocks_.count - first);
            turn(from, first, count, pool);
            for (const Part& part : parts_) sum(part, first, count, pool);
        }
    }

 private:
    static constexpr Index least_work = 1 << 18, least_finished = 1 << 10;  // products; numbers
    static constexpr Index enough = 24;                                     // units

    Index widest() const {
        return ceiling(blocks_.vectors, blocks_.count) * vector_lanes<T>;
    }
    // How many blocks are turned at once.
    Index together() const {
        const Index bytes = widest() * from_size_ * static_cast<Index>(sizeof(T));
        return std::clamp<Index>(most_turned_bytes / std::max<Index>(bytes, 1), 1, blocks_.count);
    }
    T* turned(Index block, Index first) const {
        return turned_ + (blocks_.begin(block) - blocks_.begin(first)) * from_size_;
    }

    void turn(const T* from, Index first, Index count, const Pool& pool) const {
        constexpr Index each = 1 << 10;  // numbers of an image
        const Index pieces = ceiling(from_size_, each);
        pool.run(count * pieces, [&](Index piece) {
            const Index block = first + piece / pieces, begin = piece % pieces * each;
            const Index width = blocks_.width(block);
            turn_images(from + blocks_.begin(block) * from_size_ + begin, from_size_,
                        blocks_.images(block), std::min(each, from_size_ - begin),
                        turned(block, first) + begin * width, width);
        });
    }

    void sum(const Part& part, Index first, Index count, const Pool& pool) const {
        const auto& [depths, heights, widths] = part.phases;
        const Index work = widths->count * part.depth * outer_ * widest() + 1;
        const Index apart = count * of_.groups * depths->count;
        // Lines of a unit: as few as give every thread something to do, but so many that neither
        // the unit nor its calls of the epilogue, one for each image, are too small to be worth it.
        const Index least =
            epilogue_.call == nullptr ? 1 : ceiling(least_finished, widths->count * outer_ + 1);
        const Index lines = std::clamp<Index>(
            std::max({least_work / work, ceiling(heights->count * apart, enough), least}), 1,
            std::max<Index>(heights->count, 1));
        const Index pieces = ceiling(heights->count, lines);
        pool.run(apart * pieces, [&](Index unit) {
            const Index h = unit % pieces * lines;
            unit /= pieces;
            const Index d = unit % depths->count;
            unit /= depths->count;
            const Index group = unit % of_.groups, block = first + unit / of_.groups;
            Unit own{part, block, group, d,
                     turned(block, first) + group * inner_ * blocks_.width(block)};
            const Index end = std::min(h + lines, heights->count);
            for (Index line = h; line < end; ++line) sum_line(own, line);
            finish(own, h, end);
        });
    }

    struct Unit {
        const Part& part;
        Index block, group, depth;
        const T* images;  // the group's
    };

    // The number of the output's position, in its image.
    Index place(const Part& part, Index d, Index h, Index w) const {
        const auto& [depths, heights, widths] = part.phases;
        return ((depths->start + d * depths->step) * to_[1] + heights->start + h * heights->step) *
                   to_[2] +
               widths->start + w * widths->step;
    }

    void sum_line(const Unit& of, Index line) const {
        const Flushing flushing;
        const Phase& widths = *of.part.phases[2];
        const Index width = blocks_.width(of.block), channels = outer_ * of_.groups;
        const Index bytes = outer_ * width * static_cast<Index>(sizeof(T));
        const Index most = std::clamp<Index>(patch_bytes / bytes, 1, widths.count);
        T* sums = scratch<T>(most * outer_ * width);
        T* images = of_.to.as<T>() + blocks_.begin(of.block) * to_size_ + of.group * outer_;
        for (Index w = 0; w < widths.count; w += most) {
            const Index some = std::min(most, widths.count - w);
            sum_positions(of, line, w, some, sums);
            // The numbers of positions that follow each other are turned as one row.
            const Index row = widths.step == 1 && of_.groups == 1 ? some : 1;
            for (Index i = 0; i < some; i += row) {
                turn_back(sums + i * outer_ * width, width, row * outer_, blocks_.images(of.block),
                          images + place(of.part, of.depth, line, w + i) * channels, to_size_);
            }
        }
    }

    void sum_positions(const Unit& of, Index line, Index first, Index count, T* sums) const {
        const auto& [depths, heights, widths] = of.part.phases;
        const Index width = blocks_.width(of.block), rows = strips_.width();
        const auto tile = image_tiles<T>[rows - 1][width / vector_lanes<T> - 1];
        const Index row = inner_ * of_.groups * width;  // how far pixels are apart
        const auto depth = depths->inside(of.depth, from_[0]);
        const auto height = heights->inside(line, from_[1]);
        const Index start = (of.depth * depths->move * from_[1] + line * heights->move) * from_[2];
        RunList runs;
        for (Index j = 0; j < outer_; j += rows) {
            Range before{-1, -1};
            for (Index i = first; i < first + count; ++i) {
                const auto across = widths->inside(i, from_[2]);
                if (across != before) find_runs(of.part, {depth, height, across}, width, runs);
                before = across;
                const T* kernel = strips_.at(of.part, of.group, j);
                const Index seen = (start + i * widths->move) * row;
                T* to = sums + ((i - first) * outer_ + j) * width;
                Index begin = 0;
                for (const Index end : runs.ends) {
                    tile({{runs.runs.data() + begin, runs.runs.data() + end},
                          kernel,
                          of.images + seen,
                          width,
                          to,
                          std::min(rows, outer_ - j),
                          begin > 0});
                    begin = end;
                }
            }
        }
    }

    using Range = std::pair<Index, Index>;

    // What a position sees through some taps of each axis, from where its window's first tap lies
    // if nothing is before it.
    void find_runs(const Part& part, const std::array<Range, most_space>& inside, Index width,
                   RunList& runs) const {
        const auto& [depths, heights, widths] = part.phases;
        const auto& [depth, height, across] = inside;
        const Index row = inner_ * of_.groups * width, kernel_row = strips_.width();
        runs.start((depth.second - depth.first) * (height.second - height.first) *
                       (across.second - across.first) * inner_,
                   kernel_row, width);
        for (Index d = depth.first; d < depth.second; ++d) {
            for (Index h = height.first; h < height.second; ++h) {
                for (Index w = across.first; w < across.second; ++w) {
                    const Index tap =
                        (d * std::ssize(heights->taps) + h) * std::ssize(widths->taps) + w;
                    const Index pixel =
                        (depths->taps[d].offset * from_[1] + heights->taps[h].offset) * from_[2] +
                        widths->taps[w].offset;
                    runs.add(inner_, tap * inner_ * kernel_row, pixel * row);
                }
            }
        }
        runs.finish();
    }

    // Lines of an image follow each other in the output, but for those of a phase.
    void finish(const Unit& of, Index begin, Index end) const {
        if (epilogue_.call == nullptr) return;
        const auto& [depths, heights, widths] = of.part.phases;
        const bool together = widths->step == 1 && heights->step == 1 && widths->count == to_[2];
        const Index positions = to_[0] * to_[1] * to_[2], first = blocks_.begin(of.block);
        for (Index image = first; image < first + blocks_.images(of.block); ++image) {
            if (together) {
                epilogue_(image * positions + place(of.part, of.depth, begin, 0), of.group * outer_,
                          (end - begin) * to_[2], outer_);
                continue;
            }
            for (Index line = begin; line < end; ++line) {
                for (Index w = 0; w < widths->count; ++w) {
                    epilogue_(image * positions + place(of.part, of.depth, line, w),
                              of.group * outer_, 1, outer_);
                }
            }
        }
    }

    const Convolving& of_;
    Room room_;
    Strips<T> strips_;
    Epilogue epilogue_;
    std::vector<Part> parts_;
    Index inner_, outer_;
    ImageBlocks<T> blocks_;
    std::array<Index, most_space> from_{1, 1, 1}, to_{1, 1, 1};
    Index from_size_ = 0, to_size_ = 0;
    T* turned_ = nullptr;
};

}  // namespace pullback::PULLBACK_ISA
