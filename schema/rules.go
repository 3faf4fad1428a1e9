package schema

import "strings"

// rules are what no JSON Schema can say: names of parts are unique and references
// name one, dates of one thing stand in their order, and a machine-readable zone has
// the right check digits.
func (s *Shape) rules(doc any) (faults []Fault) {
	named := map[string]bool{}
	s.visit("", doc, func(pointer string, s *Shape, v any) {
		if id, ok := v.(string); ok && s.Role == partID {
			if named[id] {
				faults = append(faults, faultAt(pointer, "the id stands twice"))
			}
			named[id] = true
		}
	})
	s.visit("", doc, func(pointer string, s *Shape, v any) {
		switch v := v.(type) {
		case string:
			if s.Role == partReference && !named[v] {
				faults = append(faults, faultAt(pointer, "names nothing in this body"))
			}
		case []any:
			if s.Role == machineZone {
				faults = append(faults, zoneFaults(pointer, v)...)
			}
		case map[string]any:
			faults = append(faults, s.orderFaults(pointer, v)...)
		}
	})
	return faults
}

func zoneFaults(pointer string, lines []any) []Fault {
	var zone []string
	for _, l := range lines {
		zone = append(zone, l.(string)) // the schema says so
	}
	if rule := mrzFault(zone); rule != "" {
		return []Fault{faultAt(pointer, rule)}
	}
	return nil
}

// orderFaults compares the dates of an object, as far as both are known.
func (s *Shape) orderFaults(pointer string, object map[string]any) (faults []Fault) {
	last, name := "", ""
	for _, f := range s.order {
		day, ok := object[f].(string)
		if !ok || strings.HasPrefix(day, "--") {
			continue
		}
		if n := min(len(day), len(last)); day[:n] < last[:n] {
			faults = append(faults, faultAt(pointer+"/"+f, "must not lie before "+name))
		}
		last, name = day, f
	}
	return faults
}
