package msb

// #include <msb.h>
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

// builder fills one of C's configs from a struct: fields that are zero stay unset, and the first failure ends it.
type builder struct {
	err error
}

// call runs a setter unless one failed before.
func (b *builder) call(set func(err **C.msb_error) C.msb_status) {
	if b.err != nil {
		return
	}
	var cerr *C.msb_error
	b.err = result(set(&cerr), cerr)
}

// text runs a setter of text, if there is any.
func (b *builder) text(name, value string, set func(value *C.char, err **C.msb_error) C.msb_status) {
	if value != "" {
		b.always(name, value, set)
	}
}

// always runs a setter of text that may be empty.
func (b *builder) always(name, value string, set func(value *C.char, err **C.msb_error) C.msb_status) {
	c := b.c(name, value)
	b.call(func(err **C.msb_error) C.msb_status { return set(c, err) })
}

// c makes text of C; text that C cannot have is the builder's failure.
func (b *builder) c(name, value string) *C.char {
	c, err := cText(name, value)
	if b.err == nil {
		b.err = err
	}
	return c
}

// pairs runs a setter for each entry of a map.
func (b *builder) pairs(
	name string, entries map[string]string, set func(key, value *C.char, err **C.msb_error) C.msb_status,
) {
	for key, value := range entries {
		cKey, cValue := b.c(name, key), b.c(name, value)
		b.call(func(err **C.msb_error) C.msb_status { return set(cKey, cValue, err) })
	}
}

// words runs a setter of a list that is not nil; an empty one says that there are none.
func (b *builder) words(name string, list []string, set func(words **C.char, count C.size_t, err **C.msb_error) C.msb_status) {
	if list == nil {
		return
	}
	// What C gets points at memory of Go that points at other memory of Go, which has to stay where it is meanwhile.
	var pinner runtime.Pinner
	defer pinner.Unpin()
	words := make([]*C.char, len(list))
	for i, word := range list {
		if words[i] = b.c(name, word); words[i] != nil {
			pinner.Pin(words[i])
		}
	}
	b.call(func(err **C.msb_error) C.msb_status { return set(unsafe.SliceData(words), C.size_t(len(words)), err) })
}

// flag runs a setter that turns something on.
func (b *builder) flag(on bool, set func(err **C.msb_error) C.msb_status) {
	if on {
		b.call(set)
	}
}

func cBool(on bool) C.int32_t {
	if on {
		return 1
	}
	return 0
}

// number runs a setter of a number other than 0, which stands for what C takes when it is unset.
func number[T uint16 | uint32 | uint64](b *builder, value T, set func(err **C.msb_error) C.msb_status) {
	b.flag(value != 0, set)
}

// milliseconds runs a setter of a duration, rounded up, if there is any; one below zero is given as 0.
func (b *builder) milliseconds(value time.Duration, set func(ms C.uint64_t, err **C.msb_error) C.msb_status) {
	if value == 0 {
		return
	}
	b.call(func(err **C.msb_error) C.msb_status { return set(C.uint64_t(max(toMs(value), 0)), err) })
}

// toMs rounds up, so that what is short is not nothing; -1 for anything below zero.
func toMs(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond != 0 {
		ms++
	}
	return int64(ms)
}

// Rlimit is a resource limit of commands, named in lower case, such as "nofile"; [Unlimited] for none.
type Rlimit struct {
	Resource   string
	Soft, Hard uint64
}

// Unlimited is a resource limit that limits nothing.
const Unlimited uint64 = 1<<64 - 1

// outOfMemory is what a constructor of C means by NULL, once its text was looked at.
func outOfMemory() error {
	return &Error{Status: ErrOutOfMemory, Reason: "config.not_made",
		Message: "the config could not be made: there is no memory, or its name is not UTF-8"}
}
