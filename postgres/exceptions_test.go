package postgres_test

// ofAllProjects are the queries that read tables of projects without saying of which one:
// in PostgreSQL they read whole indexes, or more. All others are confined to the one that
// they are given.
func ofAllProjects() map[string]string {
	const (
		workers = "a worker sends the events of all projects"
	)
	return map[string]string{
		"ListEndpoints":            workers,
		"GetProjectOfWebhook":      workers,
		"ListProjectsToPrune":      workers,
		"ForgetAnswers":            "stored answers of all callers are added up together",
		"ListAnswerLengths":        "stored answers of all callers are added up together",
		"CountWaitingDeliveries":   "to measure the process, as far as its LIMIT says",
		"CountAhead":               "one row a project, to say how far clocks were ahead",
		"NewestEntryOfAll":         "to say how far clocks were ahead",
		"LastAnswerID":             "looking for copies ends at the last id there is",
		"LastDeliveryID":           "looking for copies ends at the last id there is",
		"ListAffiliatesInDeletion": "goes on with deletions of all projects, of which there are few",
		"ListErasures":             "goes on with erasures of all projects, of which there are few",
	}
}

type planException struct{ query, step, reason string }

// planExceptions are the only steps of the plan of any other query that may read more
// than what was asked for. A step that no plan has any more must leave the list.
func planExceptions() []planException {
	const (
		currency = "a change of the project's currency, which there is only before the first ledger entry"
		few      = "the endpoints, of which a project has few"
		groups   = "the entries of one account that no payout has settled"
		ids      = "the rows of the ids that are given"
		page     = "the rows of one page"
		payout   = "the entries of one payout"
	)
	return []planException{
		{"ClearAccount", "sorts", groups},
		{"CountPayoutRuns", "reads all of a project of refgrow_payout_runs", "the runs of a project, of which there are few"},
		{"CountWebhooks", "reads all of a project of refgrow_webhooks", few},
		{"ForgetFormerSecrets", "reads all of a project of refgrow_webhooks", few},
		{"ListWebhookIDs", "reads all of a project of refgrow_webhooks", few},
		{"IsBeingErased", "reads all of a project of refgrow_erasures", "the erasures under way, of which there are few"},
		{"IsBeingErased", "reads all of a project of refgrow_merged_referrals", "merged customers, while somebody is erased"},
		{"FindCouponsByLemonsqueezyCode", "sorts", "the coupons with one id of a provider"},
		{"FindCouponsByStripeID", "sorts", "the coupons with one id of a provider"},
		{"InsertSettlements", "sorts", payout},
		{"ListAccounts", "sorts", ids},
		{"ListActiveWebhooks", "reads all of a project of refgrow_webhooks", few},
		{"ListAffiliatesForPayouts", "sorts", ids},
		{"ListEntriesOfAffiliate", "sorts", page},
		{"ListExternalIDs", "sorts", ids},
		{"ListFixedOverrides", "reads all of a project of refgrow_commission_rules", currency},
		{"ListFixedOverrides", "sorts", currency},
		{"ListLargeSettlements", "sorts", payout},
		{"ListOverrides", "sorts", "the overrides of a project, which people write one by one"},
		{"ListPayoutsOfConversion", "sorts", "the payouts of one conversion"},
		{"ListProjectRulesInForce", "reads all of a project of refgrow_commission_rules", "asks whether there is one"},
		{"ListProjectRulesInForce", "reads all of a project of refgrow_webhooks", few},
		{"ListProjectRulesInForce", "sorts", "the two rules of a project"},
		{"ListReleases", "sorts", "one affiliate's entries, for instants in the past alone"},
		{"ListSettledByPayout", "sorts", payout},
		{"NameCurrencies", "reads all of a project of refgrow_conversions", currency},
		{"PostToAccount", "sorts", "the entries of one account that are held, where former versions have left debts"},
		{"PutBackAccounts", "sorts", "the entries of one account that are held, where former versions have left debts"},
		{"ReserveEntries", "sorts", groups},
		{"SumDebts", "sorts", "one affiliate's entries, for instants in the past alone"},
		{"SumPayable", "sorts", groups},
		{"SumReserved", "sorts", "one affiliate's payouts, for instants in the past alone"},
		{"VerifyDeliveries", "reads all of refgrow_events_id_seq", "a sequence, which has one row"},
		{"VerifyOutbox", "reads all of refgrow_events_id_seq", "a sequence, which has one row"},
		{"VerifyRows", "reads all of refgrow_api_keys", "a few rows a project"},
	}
}
