// Package config reads the settings files of broker and desk: YAML, strict.
//
//	var c broker.Settings
//	err := config.Load("broker.yaml", &c)
//
// A key that the program does not know is an error and not a silence, with the
// known key that comes nearest: "line 4: unknown key "listn": did you mean
// "listen"?". Secrets never stand in these files; they lie in key files beside.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"samband/gateway/durable"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a settings file.
const maxFile = 256 << 10

// Load reads the file at path into the struct that into points to. Fields that
// the file leaves out keep their values, which are the defaults.
func Load(path string, into any) error {
	b, err := durable.ReadFile(path, maxFile)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if err := decode(b, into); err != nil {
		return fmt.Errorf("settings %s: %w", path, err)
	}
	return nil
}

func decode(b []byte, into any) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return err
	}
	if len(doc.Content) == 1 {
		if err := checkKeys(doc.Content[0], reflect.TypeOf(into).Elem()); err != nil {
			return err
		}
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// checkKeys names unknown keys with their line and the nearest known one.
func checkKeys(n *yaml.Node, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind != yaml.MappingNode || t.Kind() != reflect.Struct {
		return nil
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		ft, ok := fields[key.Value]
		if !ok {
			return fmt.Errorf("line %d: unknown key %q%s", key.Line, key.Value, hint(key.Value, fields))
		}
		if err := checkKeys(value, ft); err != nil {
			return err
		}
	}
	return nil
}

func hint(key string, fields map[string]reflect.Type) string {
	best, nearest := 4, ""
	for name := range fields {
		if d := distance(key, name); d < best || d == best && name < nearest {
			best, nearest = d, name
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", nearest)
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
