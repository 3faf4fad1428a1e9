package local

// ownersOnly does nothing: on this system the rights of the socket's folder decide who
// may connect.
func ownersOnly(uintptr) error { return nil }
