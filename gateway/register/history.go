package register

import "slices"

// A span is the sizes of the register, above from and up to until, at which a value
// is in force: the entry at index from made it, the one at until ended it.
type span[T any] struct {
	from, until int64 // until is open while it is in force
	value       T
}

const open = int64(-1)

// A history is what was in force of one thing over time: at most one value at
// each size.
type history[T any] struct{ spans []span[T] }

// set ends what is in force and begins value, at the entry of an index.
func (h *history[T]) set(index int64, value T) {
	h.end(index)
	h.spans = append(h.spans, span[T]{index, open, value})
}

// end ends what is in force, if anything.
func (h *history[T]) end(index int64) {
	if n := len(h.spans); n > 0 && h.spans[n-1].until == open {
		h.spans[n-1].until = index
	}
}

// now is what is in force.
func (h *history[T]) now() (value T, ok bool) {
	if n := len(h.spans); n > 0 && h.spans[n-1].until == open {
		return h.spans[n-1].value, true
	}
	return value, false
}

// at is what was in force at a size. The newest facts are asked for most, so it
// looks from the end.
func (h *history[T]) at(size int64) (value T, ok bool) {
	for i := len(h.spans) - 1; i >= 0; i-- {
		f := h.spans[i]
		if f.from < size {
			if f.until == open || size <= f.until {
				return f.value, true
			}
			return value, false
		}
	}
	return value, false
}

// until lists what was in force at any size up to this one, in order.
func (h *history[T]) until(size int64) []T {
	var values []T
	for _, f := range h.spans {
		if f.from < size {
			values = append(values, f.value)
		}
	}
	return values
}

// begunIn reports whether a fact began at a size above from and up to until.
func (h *history[T]) begunIn(from, until int64) bool {
	return slices.ContainsFunc(h.spans, func(f span[T]) bool { return f.from >= from && f.from < until })
}
