package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// A broker answers a refusal as a problem document, and says when to try again.
func Example() {
	broker := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := api.RefusalOf(problem.New(problem.StoreFull, "four fifths are full")).Document()
		w.Header().Set("Content-Type", api.ProblemType)
		w.Header().Set("Retry-After", api.FormatRetryAfter(d.Code.Row().Pause))
		w.WriteHeader(d.Status)
		json.NewEncoder(w).Encode(d)
	})
	answer := httptest.NewRecorder()
	broker.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v1/envelopes", nil))
	fmt.Println(answer.Code, "again after", answer.Header().Get("Retry-After"))
	fmt.Print(answer.Body)
	// Output:
	// 503 again after 30
	// {"type":"urn:samband:problem:STORE_FULL","title":"the broker accepts while its store has room; ends pass until its reserve is used up","status":503,"detail":"four fifths are full","code":"STORE_FULL","class":"retry"}
}
