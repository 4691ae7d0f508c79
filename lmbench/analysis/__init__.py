"""What the stored cells of runs say: rankings, comparisons and summaries, before they are shown."""
