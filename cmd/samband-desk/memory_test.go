package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// countInMemory is a program of the tests: it counts, in the memory of a process, secrets
// that it reads as JSON.
func countInMemory() {
	var secrets map[string][][]byte
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	check(json.NewDecoder(os.Stdin).Decode(&secrets))
	maps, err := os.ReadFile("/proc/" + os.Args[1] + "/maps")
	check(err)
	mem, err := os.Open("/proc/" + os.Args[1] + "/mem")
	check(err)
	counts, read := map[string]int{}, 0
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[v") { // the kernel's own
			continue
		}
		var from, to int64
		var rights string
		_, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights)
		check(err)
		if rights[0] != 'r' {
			continue
		}
		b := make([]byte, to-from)
		n, err := mem.ReadAt(b, from)
		if err != nil && !errors.Is(err, io.EOF) {
			check(fmt.Errorf("read %s: %w", strings.TrimSpace(line), err))
		}
		read += n
		for name, spellings := range secrets {
			for _, s := range spellings {
				counts[name] += bytes.Count(b[:n], s)
			}
		}
	}
	if read < 1<<20 {
		check(fmt.Errorf("its memory has %d bytes", read))
	}
	check(json.NewEncoder(os.Stdout).Encode(counts))
}
