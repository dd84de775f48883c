# Databricks notebook source
# MAGIC %md
# MAGIC # Explore segments
# MAGIC How large they are, how much they overlap, who came and went, and whom a new rule would hold today.

# COMMAND ----------

from ceasefire.pipelines.notebooks import ask, notebook_workspace, show
from ceasefire.pipelines.views import newest_window, segment_changes, segment_overlaps, segment_sizes, try_rule
from ceasefire.reports.plots import overlaps_plot, sizes_plot

conf = ask(globals(), "conf", "ceasefire-demo/conf", "Brand folder")
root = ask(globals(), "root", "ceasefire-demo", "Folder of the tables")
rule = ask(globals(), "rule", "order_count_90d >= 10 AND spend_trend_30d <= 0.5", "A rule to try")
workspace = notebook_workspace(conf, root)
window = newest_window(workspace.lake)
show(f"Brand {workspace.brand.settings.brand}, window closed {window.isoformat()}")

# COMMAND ----------

sizes = segment_sizes(workspace.lake)
show(sizes)
show(sizes_plot(sizes))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Overlap
# MAGIC Two segments that are nearly the same people want one campaign, not two.

# COMMAND ----------

overlaps = segment_overlaps(workspace.lake)
show(overlaps.round(2))
show(overlaps_plot(overlaps))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Who came and went at this close, and why
# MAGIC The comparison of the segment's rule that became true, or ceased to be.

# COMMAND ----------

show(segment_changes(workspace.lake, window).head(30))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Try a rule
# MAGIC By the very program that decides, on everybody's features at this close. Nothing is written.

# COMMAND ----------

members = try_rule(workspace, window, rule)
show(f"{len(members):,} customers: {rule}")
show(members.head(10))
