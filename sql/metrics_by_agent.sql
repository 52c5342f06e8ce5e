-- How do tickets fare by the agent they are assigned to?
--
-- One row per agent. A ticket counts under the agent it has at the end of the
-- clock, under (none) where that was set to nothing, and under an empty field
-- where no activity ever named one, so that the rows add up to all tickets that
-- count. Created: the creation was seen. Answered: an agent has responded.
-- Resolved, still open: the known status now is, or is not, Resolved or Closed.
-- Resolved, timed: of the resolved ones, the time till resolution is known.
-- Reopened: at least once. Handed over: another agent had the ticket later,
-- whoever has it now. Median and 90th percentile are nearest-rank, the mean is
-- rounded to a second, each over the tickets that have the metric; empty where
-- none has.
with named as (
    select
        ticket_id,
        agent_id,
        lead(agent_id) over (partition by ticket_id order by visit)
            as next_agent_id
    from agent_visits
    where
        agent_id <> '(none)'
        and ticket_id in (select ticket_id from counted_tickets)
),

counts as (
    select
        p.agent_id,
        k.ticket_id,
        null as handed_over_ticket_id
    from counted_tickets as k
    inner join ticket_properties as p on p.ticket_id = k.ticket_id
    union all
    select
        agent_id,
        null,
        ticket_id
    from named
    where next_agent_id <> agent_id
)

select
    c.agent_id,
    g.agent_name,
    count(c.ticket_id) as tickets,
    count(m.created_at) as created,
    count(m.time_to_first_response_seconds) as answered,
    count(*) filter (where m.is_resolved = 1) as resolved,
    count(m.time_till_resolution_seconds) as resolved_timed,
    count(*) filter (where m.reopens > 0) as reopened,
    count(*) filter (where m.is_resolved = 0) as still_open,
    count(distinct c.handed_over_ticket_id) as handed_over,
    percentile_disc(m.time_to_first_response_seconds, 0.5)
        as median_time_to_first_response_seconds,
    percentile_disc(m.time_to_first_response_seconds, 0.9)
        as p90_time_to_first_response_seconds,
    cast(round(avg(m.time_to_first_response_seconds)) as bigint)
        as mean_time_to_first_response_seconds,
    percentile_disc(m.time_till_resolution_seconds, 0.5)
        as median_time_till_resolution_seconds,
    percentile_disc(m.time_till_resolution_seconds, 0.9)
        as p90_time_till_resolution_seconds,
    cast(round(avg(m.time_till_resolution_seconds)) as bigint)
        as mean_time_till_resolution_seconds
from counts as c
left join ticket_metrics as m on m.ticket_id = c.ticket_id
left join named_agents as g
    on g.agent_id = cast(nullif(c.agent_id, '(none)') as bigint)
group by c.agent_id, g.agent_name
order by
    case
        when c.agent_id is null then 3
        when c.agent_id = '(none)' then 2
        else 1
    end,
    length(c.agent_id),
    c.agent_id;
